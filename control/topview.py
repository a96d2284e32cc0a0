"""What `directorctl top` shows, and what its keys do: from two looks at the statistics to the lines of a screen.

Pure: the terminal, the clock and the daemon are `control.top`'s. A line is a
list of (text, style); styles are rich's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from control.tables import COLOURS
from control.units import size, span
from control.usability import is_up
from director.printable import clean

Document = dict[str, Any]
Line = list[tuple[str, str]]
Row = dict[str, Any]

HEADING, CURSOR, HINT, ALARM = "bold", "reverse", "dim", "bold red"


class Mode(Enum):
    """What a key means."""

    BROWSE = "browse"
    FILTER = "filter"
    CONFIRM = "confirm"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Ask:
    """Something to have the daemon do, once confirmed."""

    command: str
    row: Row

    @property
    def sentence(self) -> str:
        """What it is, in the words of the command line."""
        return f"{self.command} {self.row['service']} {self.row['group']} {self.row['host']}"


@dataclass(frozen=True, slots=True)
class Column:
    """Title, key, width (0: what is left), and how a value looks."""

    title: str
    key: str
    width: int
    show: Callable[[Any], str] = str
    right: bool = True


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or not value else f"{value:.1f}"


def _bytes(value: float) -> str:
    return size(value).replace("iB", "")


HOSTS = (
    Column("SERVICE/GROUP/HOST", "name", 0, clean, right=False),
    Column("STATE", "state", 10, right=False),
    Column("OPEN", "open", 6),
    Column("CONN/S", "rate", 6, _rate),
    Column("FAULTS", "faults", 6),
    Column("IN/S", "in_rate", 7, _bytes),
    Column("OUT/S", "out_rate", 7, _bytes),
    Column("P50_MS", "connect_ms", 6, _rate),
)
SERVICES = (
    Column("SERVICE", "name", 0, clean, right=False),
    Column("GROUP", "state", 10, clean, right=False),
    Column("OPEN", "open", 6),
    Column("CONN/S", "rate", 6, _rate),
    Column("QUEUED", "queued", 6),
    Column("REFUSED", "faults", 7),
    Column("IN/S", "in_rate", 7, _bytes),
    Column("OUT/S", "out_rate", 7, _bytes),
)
WORKERS = (
    Column("WORKER", "name", 0, right=False),
    Column("STATE", "state", 10, right=False),
    Column("OPEN", "open", 6),
    Column("CONN/S", "rate", 6, _rate),
    Column("CPU%", "cpu", 5, _rate),
    Column("MEMORY", "memory", 7, _bytes),
    Column("LAG_MS", "lag", 6, _rate),
    Column("GENERATION", "generation", 18, right=False),
)
VIEWS: dict[str, tuple[Column, ...]] = {"hosts": HOSTS, "services": SERVICES, "workers": WORKERS}
_HELP = (
    "tab        hosts, services, workers",
    "up, down   choose a line            (also k, j; page keys, home, end)",
    "s, S       sort by the next column, the other way round",
    "/          show only lines with this text; empty: all",
    "d, u       host-down, host-up of the chosen host; asks first",
    "space      hold the picture still",
    "q          leave",
)


@dataclass
class Top:
    """What is shown and how; `press` and `look` change it, `frame` paints it."""

    view: str = "hosts"
    sort: int = 0
    reverse: bool = False
    filter: str = ""
    cursor: int = 0
    mode: Mode = Mode.BROWSE
    held: bool = False
    message: str = ""
    asked: Ask | None = None
    now: Document = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    _before: Document = field(default_factory=dict)

    # -- what is known ------------------------------------------------------------------------

    def look(self, stats: Document) -> None:
        """Newer statistics; rates are what changed since those before."""
        if self.held:
            return
        self._before, self.now = self.now or stats, stats
        seconds = max(0.001, stats["time"] - self._before["time"])
        self.rows = {
            "hosts": list(_hosts(stats, self._before, seconds)),
            "services": list(_services(stats, self._before, seconds)),
            "workers": list(_workers(stats, self._before, seconds)),
        }

    def shown(self) -> list[Row]:
        """The lines of the view, as filter and order have them."""
        column = VIEWS[self.view][self.sort]
        found = [row for row in self.rows.get(self.view, ()) if self.filter in f"{row['name']} {row['state']}"]
        number = column.right
        return sorted(found, key=lambda row: row[column.key], reverse=number != self.reverse)

    @property
    def chosen(self) -> Row | None:
        """The line under the cursor."""
        rows = self.shown()
        return rows[min(self.cursor, len(rows) - 1)] if rows else None

    # -- keys ------------------------------------------------------------------------

    def press(self, key: str) -> Ask | None:
        """What a key does; an Ask is to be carried out now. Not for `q`, which leaves."""
        match self.mode:
            case Mode.FILTER:
                self._type(key)
            case Mode.CONFIRM:
                asked, self.asked, self.mode = self.asked, None, Mode.BROWSE
                if key == "y":
                    return asked
                self.message = "nothing was done"
            case Mode.HELP:
                self.mode = Mode.BROWSE
            case Mode.BROWSE:
                self.message = ""
                self._browse(key)
        return None

    @property
    def leaves(self) -> bool:
        """Whether `q` leaves, and is no letter of a filter or an answer."""
        return self.mode in (Mode.BROWSE, Mode.HELP)

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self.mode = Mode.BROWSE
            if key == "escape":
                self.filter = ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter += key
        self.cursor = 0

    def _browse(self, key: str) -> None:
        last = max(0, len(self.shown()) - 1)
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -10, "pagedown": 10, "home": -last, "end": last}
        if key in steps:
            self.cursor = min(max(0, min(self.cursor, last) + steps[key]), last)
        elif key == "tab":
            names = list(VIEWS)
            self.view, self.sort, self.cursor = names[(names.index(self.view) + 1) % len(names)], 0, 0
        elif key == "s":
            self.sort = (self.sort + 1) % len(VIEWS[self.view])
        elif key == "S":
            self.reverse = not self.reverse
        elif key == "/":
            self.mode = Mode.FILTER
        elif key == " ":
            self.held = not self.held
        elif key in ("?", "h"):
            self.mode = Mode.HELP
        elif key in ("d", "u"):
            self._ask("host-down" if key == "d" else "host-up")

    def _ask(self, command: str) -> None:
        row = self.chosen
        if self.view != "hosts" or row is None:
            self.message = "choose a host first: tab shows them"
            return
        self.asked, self.mode = Ask(command, row), Mode.CONFIRM

    # -- the picture ------------------------------------------------------------------------

    def frame(self, width: int, height: int) -> list[Line]:
        """So many lines of so many cells at the most."""
        head = list(self._head())
        room = max(1, height - len(head) - 2)
        if self.mode is Mode.HELP:
            body = [[(line, "")] for line in _HELP]
        else:
            body = [self._titles(width), *self._body(width, room)]
        body = body[: room + 1]
        body += [[("", "")]] * (room + 1 - len(body))
        return [_cut(line, width) for line in [*head, *body, self._foot()]][:height]

    def _head(self) -> Iterator[Line]:
        now = self.now
        services, workers = self.rows.get("services", []), self.rows.get("workers", [])
        hosts = self.rows.get("hosts", [])
        usable = sum(map(is_up, hosts))
        held = "  held" if self.held else ""
        yield [
            (f"director {now['version']}", HEADING),
            (f"  pid {now['pid']}  up {span(now['uptime_seconds'])}{held}", ""),
        ]
        total = {key: sum(row[key] for row in services) for key in ("open", "rate", "in_rate", "out_rate", "queued")}
        faults = sum(row["fault_rate"] for row in hosts)
        yield [
            (f"open {total['open']}  {_rate(total['rate'])} conn/s  queued {total['queued']}", ""),
            (f"  in {size(total['in_rate'])}/s  out {size(total['out_rate'])}/s  ", ""),
            (f"faults {_rate(faults)}/s", ALARM if faults else ""),
        ]
        generations = {row["generation"] for row in workers}
        serving = sum(row["state"] == "serving" for row in workers)
        yield [
            (f"hosts {usable} of {len(hosts)} up", ALARM if usable < len(hosts) else ""),
            (f"  workers {serving} of {len(workers)} serving  generations {len(generations)}", ""),
        ]

    def _titles(self, width: int) -> Line:
        columns = VIEWS[self.view]
        line: Line = []
        for number, column in enumerate(columns):
            title = column.title + (("^" if self.reverse else "v") if number == self.sort else "")
            line.append((_cell(title, _wide(column, columns, width), column.right) + " ", HEADING))
        return line

    def _body(self, width: int, room: int) -> Iterator[Line]:
        rows, columns = self.shown(), VIEWS[self.view]
        self.cursor = min(self.cursor, max(0, len(rows) - 1))
        first = max(0, min(self.cursor - room // 2, len(rows) - room))
        for number, row in enumerate(rows[first : first + room], first):
            chosen = CURSOR if number == self.cursor else ""
            yield [
                (
                    _cell(column.show(row[column.key]), _wide(column, columns, width), column.right) + " ",
                    chosen or (COLOURS.get(row["state"], "") if column.key == "state" else ""),
                )
                for column in columns
            ]

    def _foot(self) -> Line:
        if self.mode is Mode.FILTER:
            return [(f"filter: {self.filter}_", HEADING), ("  enter: keep  escape: all", HINT)]
        if self.mode is Mode.CONFIRM and self.asked is not None:
            return [(f"{clean(self.asked.sentence)}? ", ALARM), ("y: yes  any other key: no", "")]
        if self.message:
            return [(clean(self.message), HEADING)]
        only = f"  only {self.filter!r}" if self.filter else ""
        return [(f"{self.view}{only}", HEADING), ("  tab view  s sort  / filter  d down  u up  ? help  q quit", HINT)]


def _wide(column: Column, columns: tuple[Column, ...], width: int) -> int:
    others = sum(one.width for one in columns) + len(columns)
    return column.width or max(8, width - others)


def _cell(text: str, width: int, right: bool) -> str:
    text = text if len(text) <= width else text[: width - 1] + "~"
    return f"{text:>{width}}" if right else f"{text:<{width}}"


def _cut(line: Line, width: int) -> Line:
    found: Line = []
    for text, style in line:
        found.append((text[:width], style))
        width -= len(found[-1][0])
    return found


# -- rates ------------------------------------------------------------------------


def _rates(now: Document, before: Document, seconds: float, keys: dict[str, str]) -> Row:
    """What grew, by the second. Totals of another process may be less: that is no rate."""
    return {name: max(0.0, now[key] - before.get(key, now[key])) / seconds for name, key in keys.items()}


_TRAFFIC = {"rate": "total", "in_rate": "bytes_in", "out_rate": "bytes_out"}


def _hosts(stats: Document, before: Document, seconds: float) -> Iterator[Row]:
    known = dict(_every_host(before))
    for place, host in _every_host(stats):
        faults, was = sum(host["faults"].values()), known.get(place, host)
        yield {
            "name": "/".join(place),
            "service": place[0],
            "group": place[1],
            "host": place[2],
            "state": host["state"],
            "open": host["open"],
            "faults": faults,
            "fault_rate": max(0, faults - sum(was["faults"].values())) / seconds,
            "connect_ms": host["connect_ms_p50"],
            **_rates(host, was, seconds, _TRAFFIC),
        }


def _every_host(stats: Document) -> Iterator[tuple[tuple[str, str, str], Document]]:
    for service in stats["services"]:
        for group in service["groups"]:
            for host in group["hosts"]:
                yield (service["name"], group["name"], host["name"]), host


def _services(stats: Document, before: Document, seconds: float) -> Iterator[Row]:
    known = {service["name"]: service for service in before["services"]}
    for service in stats["services"]:
        yield {
            "name": service["name"],
            "state": "disabled" if service.get("disabled") else service["enabled_group"] or "-",
            "open": service["open"],
            "queued": service["queued"],
            "faults": service["refused"],
            **_rates(service, known.get(service["name"], service), seconds, _TRAFFIC),
        }


def _workers(stats: Document, before: Document, seconds: float) -> Iterator[Row]:
    known = {worker["pid"]: worker for worker in before["workers"]}
    for worker in stats["workers"]:
        rates = _rates(worker, known.get(worker["pid"], worker), seconds, {"rate": "total", "cpu": "cpu_seconds"})
        yield {
            "name": f"worker {worker['slot']}",
            "state": worker["state"],
            "open": worker["open"],
            "rate": rates["rate"],
            "cpu": 100 * rates["cpu"],
            "memory": worker["rss_bytes"],
            "lag": worker["loop_lag_ms"],
            "generation": worker["generation"],
        }
