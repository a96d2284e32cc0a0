"""Which columns the tables of commands have: titles, and the keys of the documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from control import drainage
from control.tables import Column
from control.units import listed, moment, plain_number, size, span, summed, tenths, yes_no


def _number(title: str, key: str, show: Callable[[Any], str] = str) -> Column:
    return Column(title, key, show, right=True)


OPEN, TOTAL, PEAK = _number("OPEN", "open"), _number("TOTAL", "total"), _number("PEAK", "peak")
BYTES_IN, BYTES_OUT = _number("IN", "bytes_in", size), _number("OUT", "bytes_out", size)
FAULTS = _number("FAULTS", "faults", summed)
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
    _number("CPU_S", "cpu_seconds", tenths),
    _number("LAG_MS", "loop_lag_ms", tenths),
    _number("AGE_MS", "state_age_ms", tenths),
)
SERVICES = (
    Column("SERVICE", "name"),
    Column("LISTEN", "listen", listed),
    Column("DISABLED", "disabled", yes_no),
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
    Column("ENABLED", "enabled", yes_no),
    STATE,
    _number("WEIGHT", "weight", plain_number),
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
    _number("SCORE", "score", plain_number),
    _number("WEIGHT", "weight", plain_number),
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
    Column("STICKY", "sticky", yes_no),
    _number("TRIES", "tries"),
    _number("WAITED_MS", "waited_ms", tenths),
    _number("OPEN_S", "open_seconds", tenths),
    _number("IDLE_S", "idle_seconds", tenths),
    BYTES_IN,
    BYTES_OUT,
    _number("IN/S", "rate_in", size),
    _number("OUT/S", "rate_out", size),
    Column("GENERATION", "generation"),
)
STICKY = (
    Column("CLIENT", "client"),
    Column("HOST", "host"),
    _number("SEEN_S", "seen_seconds", tenths),
    _number("EXPIRES_S", "expires_seconds", tenths),
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
    Column("LAST_GOOD", "last_good_check", moment),
    _number("NEXT_S", "next_check_seconds", tenths),
    REASON,
)
OUTAGES = (
    *NAMED,
    Column("FROM", "from", moment),
    Column("TO", "to", moment),
    _number("FOR", "seconds", span),
    Column("BY", "by"),
    Column("ERRNO", "errno"),
    REASON,
)
HISTORY = (
    _number("AGO", "ago", span),
    _number("CONN/S", "connections_per_second", tenths),
    OPEN,
    _number("CONNECT_MS", "connect_ms_p50", tenths),
    _number("P99", "connect_ms_p99", tenths),
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
