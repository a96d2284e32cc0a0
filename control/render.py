"""Results of commands -> text for people and for awk.

Plain text has one line an entry, columns apart by blanks and aligned, nothing
cut off, `-` where there is nothing. For a terminal the same tables are coloured
and fitted to its width by rich. Pure: what a terminal can do comes in as
arguments.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from control import drainage, haproxy
from director.printable import clean, counted

Document = dict[str, Any]


def _exposition(stats: Document) -> Iterable[str]:
    from control import prometheus  # knows all messages, which take longer to import than most commands to run

    return prometheus.exposition(stats)


# `--format`: the stats for programs.
FORMATS: dict[str, Callable[[Document], Iterable[str]]] = {"csv": haproxy.csv, "prometheus": _exposition}

# A table is folded in its last column, which has the reasons, if so much is left for that. A narrower terminal folds
# its lines itself: an address in pieces can't be read, found nor copied.
MIN_FOLDED = 20

# A table of more rows is not fitted to the terminal: rich takes about 1 ms a row.
MAX_FITTED = 500

COLOURS = {
    "chosen": "green",
    "tied": "cyan",
    "up": "green",
    "serving": "green",
    "running": "green",
    "enabled": "green",
    "down": "red",
    "hung": "red",
    "killed": "red",
    "maint": "yellow",
    "drain": "yellow",
    "closing": "yellow",
    "draining": "yellow",
    "slowstart": "cyan",
    "unresolved": "magenta",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the key of its values, and how to write one."""

    title: str
    key: str
    show: Callable[[Any], str] = lambda value: clean(str(value))
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Entries, one a line."""

    columns: tuple[Column, ...]
    entries: list[Document]

    def cells(self) -> Iterator[list[str]]:
        """Every entry as text, one a column."""
        for entry in self.entries:
            values = [entry.get(column.key) for column in self.columns]
            yield [
                "-" if value is None or value == "" else column.show(value)
                for column, value in zip(self.columns, values, strict=True)
            ]


Block = str | Table  # a line, or a table


def render(command: str, result: Any) -> str:
    """Plain text as one."""
    return "\n".join(plain(command, result))


def plain(command: str, result: Any) -> Iterator[str]:
    """Lines for a file, a pipe, or the line dialect."""
    for block in _blocks(command, result):
        if isinstance(block, str):
            yield clean(block)
        else:
            yield from _aligned(block)


def fitted(command: str, result: Any, width: int, coloured: bool = True) -> Iterator[str]:
    """Lines for a terminal of `width` columns."""
    for block in _blocks(command, result):
        if isinstance(block, str):
            yield clean(block)
        elif len(block.entries) > MAX_FITTED:
            yield from _aligned(block)
        else:
            yield from _painted(block, width, coloured)


def _aligned(table: Table) -> Iterator[str]:
    rows = [[column.title for column in table.columns], *table.cells()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(table.columns, row, widths, strict=True)
        yield "  ".join(
            f"{cell:>{width}}" if column.right else f"{cell:<{width}}" for column, cell, width in cells
        ).rstrip()


def _painted(table: Table, width: int, coloured: bool) -> Iterator[str]:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    rows = [[column.title for column in table.columns], *table.cells()]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    room = width - sum(widths[:-1]) - 2 * len(widths[:-1])
    if room >= MIN_FOLDED:
        widths[-1] = min(widths[-1], room)
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, cells in zip(table.columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        grid.add_column(column.title, justify=justify, overflow="fold", width=cells)
    for row in rows[1:]:
        # Text, since names may look like rich's markup.
        grid.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    page = io.StringIO()
    # An environment of its own: how to print is the caller's to say.
    colours: Literal["standard"] | None = "standard" if coloured else None
    terminal = Console(
        file=page, width=sum(widths) + 2 * len(widths), force_terminal=True, color_system=colours, _environ={}
    )
    terminal.print(grid)
    for line in page.getvalue().splitlines():
        yield line.rstrip()


# -- values ------------------------------------------------------------------------


def size(count: float) -> str:
    """Bytes in the largest unit that keeps a digit before the point: `12.3MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f}{unit}" if unit == "B" else f"{value:.1f}{unit}"
        value /= 1024
    return f"{value:.1f}PiB"


def span(seconds: float) -> str:
    """A time span in its two largest units: `3d4h`, `5m10s`."""
    whole = int(seconds)
    units = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    parts: list[str] = []
    for name, length in units:
        number, whole = divmod(whole, length)
        if number or parts or name == "s":
            parts.append(f"{number}{name}")
    return "".join(parts[:2])


def _moment(at: float) -> str:
    """A time on the wall clock, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tenths(value: float) -> str:
    return f"{value:.1f}"


def _plain_number(value: float) -> str:
    return f"{value:g}"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _listed(values: Iterable[str]) -> str:
    return ",".join(clean(str(value)) for value in values) or "-"


def _summed(faults: dict[str, int]) -> str:
    return str(sum(faults.values()))


def _number(title: str, key: str, show: Callable[[Any], str] = str) -> Column:
    return Column(title, key, show, right=True)


# -- results ------------------------------------------------------------------------

OPEN, TOTAL, PEAK = _number("OPEN", "open"), _number("TOTAL", "total"), _number("PEAK", "peak")
BYTES_IN, BYTES_OUT = _number("IN", "bytes_in", size), _number("OUT", "bytes_out", size)
FAULTS = _number("FAULTS", "faults", _summed)
STATE, REASON = Column("STATE", "state"), Column("REASON", "reason")
PLACE = (Column("SERVICE", "service"), Column("GROUP", "group"), Column("HOST", "host"))

PROCESSES = (
    Column("KIND", "kind"),
    _number("SLOT", "slot"),
    _number("PID", "pid"),
    Column("GENERATION", "generation"),
    STATE,
    OPEN,
    _number("UPTIME", "uptime_seconds", span),
)
WORKERS = (
    _number("SLOT", "slot"),
    _number("PID", "pid"),
    Column("GENERATION", "generation"),
    STATE,
    OPEN,
    TOTAL,
    _number("MEMORY", "rss_bytes", size),
    _number("CPU_S", "cpu_seconds", _tenths),
    _number("LAG_MS", "loop_lag_ms", _tenths),
    _number("AGE_MS", "state_age_ms", _tenths),
)
SERVICES = (
    Column("SERVICE", "name"),
    Column("LISTEN", "listen", _listed),
    Column("DISABLED", "disabled", _yes_no),
    Column("ENABLED", "enabled_group"),
    _number("UP", "hosts_up"),
    _number("HOSTS", "hosts"),
    OPEN,
    TOTAL,
    PEAK,
    _number("QUEUED", "queued"),
    _number("REFUSED", "refused"),
    BYTES_IN,
    BYTES_OUT,
)
HOSTS = (
    *PLACE[:2],
    Column("HOST", "name"),
    Column("IP", "ip"),
    Column("ENABLED", "enabled", _yes_no),
    STATE,
    _number("WEIGHT", "weight", _plain_number),
    _number("MAXCONN", "maxconn"),
    OPEN,
    TOTAL,
    PEAK,
    FAULTS,
    BYTES_IN,
    BYTES_OUT,
    REASON,
)
EXPLAINED = (
    Column("HOST", "host"),
    Column("VERDICT", "verdict"),
    _number("SCORE", "score", _plain_number),
    _number("WEIGHT", "weight", _plain_number),
    _number("MAXCONN", "maxconn"),
    OPEN,
    _number("OWN", "own"),
    _number("OTHERS", "others"),
    _number("EXPECTED", "expected"),
)
SESSIONS = (
    Column("SESSION", "session"),
    Column("CLIENT", "client"),
    _number("PORT", "port"),
    *PLACE,
    STATE,
    Column("SCHEDULER", "scheduler"),
    Column("STICKY", "sticky", _yes_no),
    _number("TRIES", "tries"),
    _number("WAITED_MS", "waited_ms", _tenths),
    _number("OPEN_S", "open_seconds", _tenths),
    _number("IDLE_S", "idle_seconds", _tenths),
    BYTES_IN,
    BYTES_OUT,
    _number("IN/S", "rate_in", size),
    _number("OUT/S", "rate_out", size),
    Column("GENERATION", "generation"),
)
STICKY = (
    Column("CLIENT", "client"),
    Column("HOST", "host"),
    _number("SEEN_S", "seen_seconds", _tenths),
    _number("EXPIRES_S", "expires_seconds", _tenths),
)
NAMED = (*PLACE[:2], Column("HOST", "name"), Column("IP", "ip"))
DOWN_HOSTS = (
    *NAMED,
    STATE,
    _number("FOR", "seconds", span),
    Column("BY", "by"),
    Column("ERRNO", "errno"),
    _number("FALLS", "falls"),
    FAULTS,
    Column("HEALTH", "health"),
    Column("LAST_GOOD", "last_good_check", _moment),
    _number("NEXT_S", "next_check_seconds", _tenths),
    REASON,
)
OUTAGES = (
    *NAMED,
    Column("FROM", "from", _moment),
    Column("TO", "to", _moment),
    _number("FOR", "seconds", span),
    Column("BY", "by"),
    Column("ERRNO", "errno"),
    REASON,
)
HISTORY = (
    _number("AGO", "ago", span),
    _number("CONN/S", "connections_per_second", _tenths),
    OPEN,
    _number("CONNECT_MS", "connect_ms_p50", _tenths),
    _number("P99", "connect_ms_p99", _tenths),
    _number("IN/S", "bytes_in_per_second", size),
    _number("OUT/S", "bytes_out_per_second", size),
)
JOURNAL = (
    _number("N", "number"),
    Column("WHEN", "at", lambda at: datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")),
    Column("WHO", "by"),
    Column("FROM", "from"),
    Column("UNDONE", "undone", lambda undone: "undone" if undone else "-"),
    Column("CHANGE", "change"),
    Column("REASON", "reason"),
)
DRAINS = (
    Column("WHAT", "what"),
    Column("STAGE", "stage"),
    _number("LEFT", "left"),
    _number("AT_START", "open_at_start"),
    _number("ENDED", "ended"),
    _number("CLOSED", "closed"),
    Column("UNTIL", "deadline", drainage.clock),
    _number("RATE", "rate", lambda rate: f"{rate:g}/s"),
    Column("SINCE", "since", drainage.clock),
    Column("BY", "by"),
)
USERS = (Column("NAME", "name"), Column("ACCESS", "access"), Column("ADMIN", "admin"))
STATS = (*PLACE, STATE, OPEN, TOTAL, PEAK, FAULTS, BYTES_IN, BYTES_OUT)


def _blocks(command: str, result: Any) -> Iterable[Block]:
    return _RENDERERS.get(command, _outcome)(result)


def _outcome(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result.get("workers"):
        yield f"applied by {result['applied']} of {result['workers']} workers"


def _reloaded(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result["workers"]:
        everyone = result["applied"] == result["workers"]
        workers = result["applied"] if everyone else f"{result['applied']} of {result['workers']}"
        noun = "worker" if workers == 1 else "workers"
        took = f"{1000 * result['seconds']:.0f} ms"
        yield f"{counted(result['steps'], 'change')}, applied by {workers} {noun} in {took}"


def _stopped(result: Document) -> Iterator[Block]:
    yield from result["lines"]
    if result["open"]:
        yield f"{counted(result['open'], 'connection')} open"


def _status(result: Document) -> Iterator[Block]:
    yield Table(PROCESSES, result["processes"])
    yield from (f"draining {drainage.line(drain)}" for drain in result.get("drains", ()))


def _stats(result: Document) -> Iterator[Block]:
    head = f"director {result['version']}, pid {result['pid']}, generation {result['generation']}"
    yield f"{head}, up {span(result['uptime_seconds'])}"
    yield f"open: {result['open']}, peak: {result['peak']}" + (
        f" at {_moment(result['peak_at'])}" if result["peak"] else ""
    )
    yield Table(STATS, [entry for service in result["services"] for entry in _service_entries(service)])


def _service_entries(service: Document) -> Iterator[Document]:
    groups = [entry for group in service["groups"] for entry in _group_entries(service["name"], group)]
    faults = _total_faults(entry for entry in groups if "host" not in entry)
    state = "disabled" if service.get("disabled") else None  # a daemon that runs may not have it yet
    yield {**service, "service": service["name"], "state": state, "faults": faults}
    yield from groups


def _group_entries(service: str, group: Document) -> Iterator[Document]:
    place = {"service": service, "group": group["name"]}
    yield {**group, **place, "state": "enabled" if group["enabled"] else None}
    for host in group["hosts"]:
        yield {**host, **place, "host": host["name"]}


def _total_faults(entries: Iterable[Document]) -> dict[str, int]:
    return {"all": sum(sum(entry["faults"].values()) for entry in entries)}


def _services(result: Document) -> Iterator[Block]:
    yield Table(SERVICES, result["services"])


def _hosts(result: Document) -> Iterator[Block]:
    yield Table(HOSTS, [_explained(host) for host in result["hosts"]])


def _explained(host: Document) -> Document:
    """A host, with how far its drain has got among the reasons."""
    drain = host.get("drain")
    reasons = [host["reason"], drainage.brief(drain) if drain else ""]
    return {**host, "reason": "; ".join(reason for reason in reasons if reason)}


def _drains(result: Document) -> Iterator[Block]:
    if "lines" in result:
        yield from result["lines"]
    elif result["drains"]:
        yield Table(DRAINS, result["drains"])
    else:
        yield "nothing is being drained"


def _down_hosts(result: Document) -> Iterator[Block]:
    entries = result["outages"] if result["past"] else [_explained(host) for host in result["hosts"]]
    if entries:
        yield Table(OUTAGES if result["past"] else DOWN_HOSTS, entries)
    else:
        yield "no outage is remembered" if result["past"] else "no host is down"


def _workers(result: Document) -> Iterator[Block]:
    workers = result["workers"]
    digest = (Column("DIGEST", "digest"),) if any("digest" in one for one in workers) else ()
    yield Table(WORKERS + digest, workers)


def _version(result: Document) -> Iterator[Block]:
    for name in ("client", "daemon"):
        if name in result:  # asked on the control socket itself, there is no client
            yield f"{name} {result[name] or 'unknown'}"


def _explain(result: Document) -> Iterator[Block]:
    if "session" in result:
        yield Table(SESSIONS, [result])
        for host in result["failed"]:
            yield f"tried before: {host}"
        return
    age = "has heard of no other" if result["age_ms"] is None else f"heard of the others {result['age_ms']:.0f} ms ago"
    yield f"{result['service']}/{result['group']} for {result['client']}, by worker {result['worker']}, which {age}"
    if result.get("denied"):
        yield f"nobody: {result['client']} may not connect, {result['denied']}"
        return
    if result["fault"]:
        yield f"{result['scheduler']} failed, {result['in_use']} is used instead: {result['fault']}"
    yield f"{result['scheduler']}: {result['rule']}"
    if result.get("limit"):
        yield f"nobody now: worker {result['worker']} has all that it may have of the {result['limit']}'s maxconn"
    elif result["chosen"]:
        yield f"chosen: {result['chosen']}"
    elif result["one_of"]:
        yield f"one of {len(result['one_of'])}, {result['tie_break']}: {_listed(result['one_of'])}"
    else:
        yield "nobody can take it"
    yield Table(EXPLAINED, result["hosts"])


def _sessions(result: Document) -> Iterator[Block]:
    yield Table(SESSIONS, result["sessions"])
    if len(result["sessions"]) < result["total"]:
        yield f"{len(result['sessions'])} of {result['total']} sessions"


def _events(result: Document) -> Iterator[Block]:
    for event in result["events"]:
        at = datetime.fromtimestamp(event["time"]).isoformat(sep=" ", timespec="milliseconds")
        turned = " -> ".join(state for state in (event["old"], event["new"]) if state)
        words = [at, event["subject"], turned]
        words += [f"by {event['by']}"] if event["by"] else []
        words += [f"({event['reason']})"] if event["reason"] else []
        yield f"{' '.join(words)} [{event['event']}, {event['process']}]"


def _sticky(result: Document) -> Iterator[Block]:
    yield Table(STICKY, result["clients"])


def _help(result: Document) -> Iterator[Block]:
    commands = result["commands"]
    if result["detailed"]:
        (command,) = commands
        yield command["usage"]
        yield f"  {command['summary']}"
        yield from (f"  {option['usage']}: {option['help']}" for option in command["options"])
        yield f"  needs access {command['access']}"
        return
    width = max(len(command["synopsis"]) for command in commands)
    for command in commands:
        yield f"{command['synopsis']:<{width}}  {command['summary']}"


def _text(result: Document) -> Iterator[Block]:
    if "text" in result:
        yield from result["text"].splitlines()
    else:
        yield from _outcome(result)


def _difference(result: Document) -> Iterator[Block]:
    for title, key in (
        ("the file has changed since it was loaded:", "file"),
        ("operators have changed since:", "running"),
        ("in both:", "conflicts"),
    ):
        if result.get(key):
            yield title
            yield from (f"  {line}" for line in result[key])
    if not result["differs"]:
        yield "nothing to change"
        return
    yield f"plan {result['plan']}, {counted(len(result['lines']), 'step')}:"
    yield from (f"  {line}" for line in result["lines"])


def _history(result: Document) -> Iterator[Block]:
    """A line a minute, the oldest first: means of its steps."""
    step, series = result["step_seconds"], result["series"]
    minute = max(1, round(60 / step))
    length = len(next(iter(series.values())))
    lines = (
        {
            "ago": (length - 1 - at) * step,
            **{name: _mean(points[at + 1 - minute : at + 1]) for name, points in series.items()},
        }
        for at in range(minute - 1, length, minute)
    )
    yield Table(HISTORY, [line for line in lines if line["open"] is not None])


def _mean(points: list[float | None]) -> float | None:
    known = [point for point in points if point is not None]
    return sum(known) / len(known) if known else None


def _journal(result: Document) -> Iterator[Block]:
    yield Table(JOURNAL, result["changes"])


def _users(result: Document) -> Iterator[Block]:
    yield Table(USERS, result["users"])
    yield from (f"admin {one['admin']}: those in {one['path']}, too" for one in result["files"])


_RENDERERS: dict[str, Callable[[Document], Iterable[Block]]] = {
    "config-diff": _difference,
    "config-file": _text,
    "config-running": _text,
    "config-save": _text,
    "down-hosts": _down_hosts,
    "events": _events,
    "drains": _drains,
    "explain": _explain,
    "help": _help,
    "history": _history,
    "hosts": _hosts,
    "journal": _journal,
    "password-hash": _text,
    "reload": _reloaded,
    "services": _services,
    "sessions": _sessions,
    "stats": _stats,
    "status": _status,
    "sticky": _sticky,
    "stop": _stopped,
    "users": _users,
    "version": _version,
    "workers": _workers,
}
