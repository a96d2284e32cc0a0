"""The stats as HAProxy prints them, to the column: what its monitoring tools read.

A service is a frontend `SVC`, each of its groups a backend `SVC.GRP`, a host a
server in it; their numbers are the ids. `show stat` has a row for each; what
only HTTP has, or we do not count, is an empty column. Pure: documents of
`stats` in, lines out. Counterpart: `runtimeapi`, which hears the requests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from control.usability import is_up, is_usable
from director.tally import quantile_ms

Document = dict[str, Any]
Row = dict[str, Any]  # {column: value}, those that have one

# In HAProxy's order, which no version of it changes; new ones come at the end.
_NAMES = """
    pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq econ eresp wretr wredis status weight act
    bck chkfail chkdown lastchg downtime qlimit pid iid sid throttle lbtot tracked type rate rate_lim rate_max
    check_status check_code check_duration hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other hanafail req_rate
    req_rate_max req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp lastsess last_chk last_agt qtime ctime
    rtime ttime agent_status agent_code agent_duration check_desc agent_desc check_rise check_fall check_health
    agent_rise agent_fall agent_health addr cookie mode algo conn_rate conn_rate_max conn_tot intercepted dcon dses
    wrew connect reuse cache_lookups cache_hits srv_icur src_ilim qtime_max ctime_max rtime_max ttime_max eint
    idle_conn_cur safe_conn_cur used_conn_cur need_conn_est uweight agg_server_status agg_server_check_status
    agg_check_status srid sess_other h1_sess h2_sess h3_sess req_other h1req h2req h3req proto priv_idle_cur reqbin
    reqbout resbin resbout cache_hint_hits
"""
COLUMNS = tuple(_NAMES.split())

_POSITIONS = {column: position for position, column in enumerate(COLUMNS)}

# How an aggregator may merge a column: origin, nature, scope; and its type.
_TAGS = {
    "pxname": "KNS:str", "svname": "KNS:str", "qcur": "MGP:u32", "scur": "MGP:u32", "smax": "MMP:u32",
    "slim": "CLP:u32", "stot": "MCP:u64", "bin": "MCP:u64", "bout": "MCP:u64", "ereq": "MCP:u64", "econ": "MCP:u64",
    "eresp": "MCP:u64", "wretr": "MCP:u64", "status": "SGP:str", "weight": "MaP:u32", "act": "SGP:u32",
    "bck": "SGP:u32", "chkfail": "MCP:u64", "chkdown": "MCP:u64", "lastchg": "MAP:u32", "pid": "KGP:u32",
    "iid": "KGS:u32", "sid": "KGS:u32", "lbtot": "MCP:u64", "type": "CGS:u32", "check_status": "MOP:str",
    "check_code": "MOP:u32", "check_duration": "MDP:u64", "last_chk": "MOP:str", "ctime": "MaP:u32",
    "check_desc": "MOP:str",
    "check_rise": "CGS:u32", "check_fall": "CGS:u32", "check_health": "CGS:u32",
    "addr": "CGS:str", "mode": "CGS:str", "algo": "CGS:str", "conn_tot": "MCP:u64", "uweight": "MaP:u32",
    "qmax": "MMP:u32", "wredis": "MCP:u64", "downtime": "MCP:u32", "throttle": "MaP:u32", "rate": "MRP:u32",
    "rate_lim": "CLP:u32", "rate_max": "MMP:u32", "lastsess": "MAP:s32", "conn_rate": "MRP:u32",
    "conn_rate_max": "MMP:u32", "dcon": "MCP:u64", "cli_abrt": "MCP:u64", "srv_abrt": "MCP:u64",
}  # fmt: skip
# The same of the lines of `show info`, behind their positions.
_INFO = {
    "Name": (0, "POS:str"), "Version": (1, "POS:str"), "Release_date": (2, "POS:str"), "Nbthread": (3, "CGS:u32"),
    "Nbproc": (4, "CGS:u32"), "Process_num": (5, "KGP:u32"), "Pid": (6, "SGP:u32"), "Uptime": (7, "MDP:str"),
    "Uptime_sec": (8, "MDP:u32"), "Ulimit-n": (13, "CLP:u32"), "Maxsock": (14, "CLP:u32"), "Maxconn": (15, "CLP:u32"),
    "Hard_maxconn": (16, "CLP:u32"), "CurrConns": (17, "MGP:u32"), "CumConns": (18, "MCP:u32"),
    "CumReq": (19, "MCP:u32"), "Maxpipes": (23, "CLP:u32"), "PipesUsed": (24, "MGP:u32"), "PipesFree": (25, "MGP:u32"),
    "ConnRate": (26, "MRP:u32"), "ConnRateLimit": (27, "CLP:u32"), "MaxConnRate": (28, "MMP:u32"),
    "SessRate": (29, "MRP:u32"), "SessRateLimit": (30, "CLP:u32"), "MaxSessRate": (31, "MRP:u32"),
    "Tasks": (47, "MGP:u32"), "Run_queue": (48, "MGP:u32"), "Idle_pct": (49, "MaP:u32"),
    "node": (50, "COS:str"), "description": (51, "COS:str"),
    "Stopping": (52, "MGP:u32"), "Jobs": (53, "MGP:u32"), "Listeners": (55, "MGP:u32"), "DroppedLogs": (58, "MGP:u32"),
    "TotalBytesOut": (61, "MGP:u64"), "Start_time_sec": (70, "MDP:u32"),
}  # fmt: skip
_ORIGINS = {"M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product"}
_NATURES = {
    "A": "Age", "a": "Avg", "C": "Counter", "D": "Duration", "G": "Gauge", "L": "Limit", "M": "Max", "N": "Name",
    "O": "Output", "R": "Rate",
}  # fmt: skip
_SCOPES = {"P": "Process", "S": "Service"}

FRONTEND, BACKEND, SERVER = 0, 1, 2
_OBJECTS = {FRONTEND: ("F", "Frontend"), BACKEND: ("B", "Backend"), SERVER: ("S", "Server")}

_STATUS = {
    "up": "UP",
    "slowstart": "UP",
    "down": "DOWN",
    "maint": "MAINT",
    "drain": "DRAIN",
    "unresolved": "MAINT (resolution)",
}
_CHECKS = {
    "L4OK": "Layer4 check passed",
    "L4TOUT": "Layer4 timeout",
    "L4CON": "Layer4 connection problem",
    "L6OK": "Layer6 check passed",
    "L6TOUT": "Layer6 timeout",
    "L6RSP": "Layer6 invalid response",
    "L7OK": "Layer7 check passed",
    "L7TOUT": "Layer7 timeout",
    "L7RSP": "Layer7 invalid response",
    "L7STS": "Layer7 wrong status",
    "PROCOK": "External check passed",
    "PROCTOUT": "External check timeout",
    "PROCERR": "External check error",
    "SOCKERR": "Socket error",
}
_OPERATION = {"up": 2, "slowstart": 1, "drain": 2}  # srv_op_state; others are stopped
_ADMIN = {"maint": 0x01, "drain": 0x08, "unresolved": 0x20}  # srv_admin_state

_SERVERS_STATE = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port"
)


# -- rows --------------------------------------------------------------------


def rows(stats: Document, iid: int = -1, kinds: int = -1, sid: int = -1) -> Iterator[Row]:
    """One for each service, host and group, as `show stat` orders them; or those that `IID TYPE SID` asks for.

    -1 is any. `kinds`: 1 frontends, 2 backends, 4 servers.
    """
    frontends, backends, servers = (bool(kinds & (1 << kind)) for kind in (FRONTEND, BACKEND, SERVER))
    whole = sid in (-1, 0)
    for service in stats["services"]:
        if frontends and whole and iid in (-1, service["number"]):
            yield _frontend(service)
        for group in service["groups"]:
            if iid in (-1, group["number"]):
                name = backend_name(service, group)
                hosts = group["hosts"] if servers else ()
                yield from (_server(name, group, host, stats["time"]) for host in hosts if sid in (-1, _sid(host)))
                if backends and whole:
                    yield _backend(name, group, stats["time"])


def backend_name(service: Document, group: Document) -> str:
    """How HAProxy's tools call a group."""
    return f"{service['name']}.{group['name']}"


def _frontend(service: Document) -> Row:
    denied = service.get("failed", {}).get("PR", 0)  # a daemon that runs may not have it yet
    pace = _pace(service)
    return {
        "pxname": service["name"],
        "svname": "FRONTEND",
        **pace,
        "rate_lim": 0,
        "conn_rate": pace["rate"],
        "conn_rate_max": pace["rate_max"],
        "scur": service["open"],
        "smax": service["peak"],
        "slim": service["maxconn"],
        "stot": service["total"],
        "bin": service["bytes_in"],
        "bout": service["bytes_out"],
        "ereq": service["refused"] - denied,
        "dcon": denied,
        "status": "STOP" if service.get("disabled") else "OPEN",
        "pid": 1,
        "iid": service["number"],
        "sid": 0,
        "type": FRONTEND,
        "mode": "tcp",
        "conn_tot": service["total"],
    }


def _backend(name: str, group: Document, now: float) -> Row:
    hosts = group["hosts"]
    usable = [host for host in hosts if is_usable(host)]
    active = [host for host in usable if not host["backup"]]
    weight = _weight(sum(host["weight"] for host in active or usable))
    # It is up for as long as one of these was, at least; down since the last one went.
    changed = min((host["since"] for host in usable), default=max((host["since"] for host in hosts), default=now))
    return {
        "pxname": name,
        "svname": "BACKEND",
        **_sums(group),
        **_aborts(hosts),
        **_pace(group),
        "qmax": group.get("queued_peak"),
        "wredis": group["retries"],  # whoever is tried again is tried at another host
        "lastsess": _latest(group, now),
        "smax": group["peak"],
        "slim": group["maxconn"],
        "status": "UP" if usable else "DOWN",
        "weight": weight,
        "act": len(active),
        "bck": len(usable) - len(active),
        "chkdown": group.get("falls"),
        "lastchg": _age(now, changed),
        "downtime": _whole(group.get("down_seconds")),
        "pid": 1,
        "iid": group["number"],
        "sid": 0,
        "type": BACKEND,
        "ctime": round(quantile_ms(group["connect_ms_buckets"], 0.5)),
        "mode": "tcp",
        "algo": group["scheduler"],
        "uweight": weight,
    }


def _server(backend: str, group: Document, host: Document, now: float) -> Row:
    return {
        "pxname": backend,
        "svname": host["name"],
        **_sums(host),
        **_aborts([host]),
        **_pace(host),
        "qmax": 0,  # who waits, waits for any host of the group
        "lastsess": _latest(host, now),
        "downtime": _whole(host.get("down_seconds")),
        "throttle": host.get("slowstart_percent"),
        "smax": host["peak"],
        "slim": host["maxconn"],
        "status": _status(host),
        "weight": _weight(host["weight"]),
        "act": int(not host["backup"]),
        "bck": int(host["backup"]),
        "chkfail": host["checks"]["failed"],
        "chkdown": host.get("outages"),
        "lastchg": _age(now, host["since"]),
        "pid": 1,
        "iid": group["number"],
        "sid": _sid(host),
        "type": SERVER,
        "check_status": host["check_status"] or None,
        "check_code": host["check_code"],
        "check_duration": None if host["check_ms"] is None else round(host["check_ms"]),
        "check_desc": _CHECKS.get(host["check_status"]),
        "last_chk": host["reason"] or None,
        **_check_rules(host),
        "ctime": round(host["connect_ms_p50"]),
        "addr": host["ip"],
        "mode": "tcp",
        "uweight": _weight(host["weight"]),
    }


def _sums(one: Document) -> Row:
    """Of a host or a group."""
    faults = one["faults"]
    return {
        "qcur": one["queued"],
        "scur": one["open"],
        "stot": one["total"],
        "bin": one["bytes_in"],
        "bout": one["bytes_out"],
        "econ": faults["connect_refused"] + faults["connect_timeout"] + faults["connect_failed"],
        "eresp": faults["reset"],
        "wretr": one["retries"],
        "lbtot": one["total"],
    }


def _pace(one: Document) -> Row:
    """Connections a second; a daemon that runs may not tell them yet."""
    return {"rate": _whole(one.get("rate")), "rate_max": _whole(one.get("rate_peak"))}


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _latest(one: Document, now: float) -> int:
    """Seconds since it had a connection; -1: it never had one."""
    at = one.get("last_connection_at")
    return -1 if at is None else _age(now, at)


def _aborts(hosts: list[Document]) -> Row:
    """Connections that clients, and that hosts, broke off."""
    found = {"cli_abrt": "CD", "srv_abrt": "SD"}
    return {column: sum(host["failed"].get(end, 0) for host in hosts) for column, end in found.items()}


def _status(host: Document) -> str:
    if host["check_type"] is None and is_up(host):
        return "no check"
    return _STATUS[host["state"]]


def _check_rules(host: Document) -> Row:
    """How many checks turn it, and where it stands: from 0, out, to rise + fall - 1; not of every daemon."""
    rise, fall = host.get("check_rise"), host.get("check_fall")
    if rise is None or fall is None:
        return {}
    stage, _, step = host["health"].rpartition(" ")
    count = int(step.partition("/")[0]) if stage else 0
    on_its_way = {"going down": rise + fall - 1 - count, "going up": count}
    standing = 0 if host["health"] == "down" else rise + fall - 1
    return {"check_rise": rise, "check_fall": fall, "check_health": on_its_way.get(stage, standing)}


def _weight(weight: float) -> int:
    """Its tools read whole numbers; one that is not zero must not look as if it were."""
    return max(1, round(weight)) if weight else 0


def _sid(host: Document) -> int:
    """A number that fits 32 bits without a sign: members of a host are counted down from far below zero."""
    number: int = host["number"]
    return number if number >= 0 else (1 << 31) | -number & 0x7FFFFFFF


def _age(now: float, since: float) -> int:
    return max(0, int(now - since))


# -- show stat ---------------------------------------------------------------


def csv(stats: Document) -> Iterator[str]:
    """`show stat`."""
    return csv_of(rows(stats))


def csv_of(found: Iterable[Row]) -> Iterator[str]:
    """The title and one line a row."""
    yield f"# {','.join(COLUMNS)},-,"
    for row in found:
        cells = [""] * len(COLUMNS)  # most stay so
        for column, value in row.items():
            if value is not None:
                cells[_POSITIONS[column]] = str(value) if type(value) is int else _cell(str(value))
        yield ",".join(cells) + ",-,"


def _cell(text: str) -> str:
    if text.isprintable() and "," not in text and '"' not in text:
        return text
    text = " ".join(text.splitlines())
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def typed(found: Iterable[Row]) -> Iterator[str]:
    """`show stat typed`: a line a value, with how to merge it with other processes'; P as all outlives a reload."""
    for row in found:
        where = f"{_OBJECTS[row['type']][0]}.{row['iid']}.{row['sid']}"
        for column, position, value in _values(row):
            tags, kind = _TAGS[column].split(":")
            yield f"{where}.{position}.{column}.1:{tags}P:{kind}:{' '.join(str(value).split())}"


def as_json(found: Iterable[Row]) -> Iterator[str]:
    """`show stat json`: a line a row, so that it can be sent in pieces."""
    before = "["
    for row in found:
        yield before + json.dumps([_entry(row, *value) for value in _values(row)], separators=(",", ":"))
        before = ","
    yield "]" if before == "," else "[]"


def _entry(row: Row, column: str, position: int, value: Any) -> Document:
    place = {"objType": _OBJECTS[row["type"]][1], "proxyId": row["iid"], "id": row["sid"]}
    return {**place, **_merged(column, position, _TAGS[column], value)}


def _merged(name: str, position: int, tagged: str, value: Any) -> Document:
    """A value with how to merge it with those of other processes."""
    tags, kind = tagged.split(":")
    return {
        "field": {"pos": position, "name": name},
        "processNum": 1,
        "tags": {"origin": _ORIGINS[tags[0]], "nature": _NATURES[tags[1]], "scope": _SCOPES[tags[2]]},
        "value": {"type": kind, "value": value},
    }


def _values(row: Row) -> Iterator[tuple[str, int, Any]]:
    """Column, position and value of what a row has, in order."""
    present = [(column, _POSITIONS[column], value) for column, value in row.items() if value is not None]
    yield from sorted(present, key=lambda value: value[1])


# -- the rest ----------------------------------------------------------------


def info(stats: Document) -> Iterator[str]:
    """`show info`."""
    for name, value in _info(stats).items():
        yield f"{name}: {value}"


def info_typed(stats: Document) -> Iterator[str]:
    """`show info typed`."""
    for name, value in _info(stats).items():
        position, tagged = _INFO[name]
        tags, kind = tagged.split(":")
        yield f"{position}.{name}.1:{tags}P:{kind}:{value}"


def info_json(stats: Document) -> Iterator[str]:
    """`show info json`."""
    yield json.dumps([_merged(name, *_INFO[name], value) for name, value in _info(stats).items()])


def _info(stats: Document) -> Document:
    """Its tools ask for the name HAProxy; `description` says who answers.

    hatop ends when one of the lines that it looks for is missing, whatever it says.
    """
    uptime = int(stats["uptime_seconds"])
    days, seconds = divmod(uptime, 86400)
    services, workers = stats["services"], stats["workers"]
    connections = sum(worker["open"] for worker in workers)
    descriptors = stats["descriptors"] * len(workers)
    most = stats["maxconn"] or descriptors // 2  # a client's and a host's for each connection
    return {
        "Name": "HAProxy",
        "Version": f"2.6.0-director-{stats['version']}",  # the first one is of the dialect
        "Release_date": "2022/05/31",  # of that
        "Nbthread": 1,
        "Nbproc": 1,
        "Process_num": 1,
        "Pid": stats["pid"],
        "Uptime": f"{days}d {seconds // 3600}h{seconds // 60 % 60:02}m{seconds % 60:02}s",
        "Uptime_sec": uptime,
        "Start_time_sec": int(stats["time"]) - uptime,
        "Ulimit-n": descriptors,
        "Maxsock": descriptors,
        "Maxconn": most,
        "Hard_maxconn": most,
        "CurrConns": connections,
        "CumConns": stats["total"],
        "CumReq": stats["total"],
        "Maxpipes": 0,
        "PipesUsed": 0,
        "PipesFree": 0,
        "ConnRate": round(stats["rate"]),
        "ConnRateLimit": 0,
        "MaxConnRate": round(stats["rate_peak"]),
        "SessRate": round(stats["rate"]),
        "SessRateLimit": 0,
        "MaxSessRate": round(stats["rate_peak"]),
        "Tasks": connections,
        "Run_queue": 0,
        "Idle_pct": _idle_percent(workers),
        "node": stats["node"],
        "description": f"director {stats['version']}",
        "Stopping": int(any(worker["state"] == "draining" for worker in workers)),
        "Jobs": connections,
        "Listeners": sum(len(service["listen"]) for service in services),
        "DroppedLogs": stats["log_dropped"],
        "TotalBytesOut": stats["bytes_out"],
    }


def _idle_percent(workers: list[Document]) -> int:
    """Of all workers together."""
    busy = sum(worker["cpu_percent"] for worker in workers)
    return max(0, 100 - round(busy / len(workers))) if workers else 100


def backends(stats: Document) -> Iterator[str]:
    """`show backend`."""
    yield "# name"
    for service in stats["services"]:
        yield from (backend_name(service, group) for group in service["groups"])


def servers_state(stats: Document, backend: str | None = None) -> Iterator[str]:
    """`show servers state [BACKEND]`, version 1 of it."""
    yield "1"
    yield _SERVERS_STATE
    for service in stats["services"]:
        for group in service["groups"]:
            name = backend_name(service, group)
            if backend in (None, name):
                yield from (_server_state(name, group, host, stats["time"]) for host in group["hosts"])


def _server_state(backend: str, group: Document, host: Document, now: float) -> str:
    address, port = host["ip"], "0"
    if not address.startswith("unix:"):
        address, _, port = address.rpartition(":")
        address = address.strip("[]")
    usable = is_up(host)
    checked = host["check_type"] is not None
    values = (
        group["number"], _word(backend), _sid(host), _word(host["name"]), _word(address),
        _OPERATION.get(host["state"], 0), _ADMIN.get(host["state"], 0),
        _weight(host["weight"]), _weight(host["weight_in_file"]), _age(now, host["since"]),
        6 if checked else 1, 3 if usable and checked else 2 if checked else 0, 3 if usable else 0, 6 if checked else 0,
        0, 0, 0, "-", port, "-", 0, 0, "-", "-", 0,
    )  # fmt: skip
    return " ".join(map(str, values))


def _word(name: str) -> str:
    """One of a line whose fields are divided by blanks: an ancestor's file may have more in a name."""
    return name.replace(" ", "_")


def sessions(found: Document) -> Iterator[str]:
    """`show sess` of the document of `sessions`: a line a connection, under our name for it."""
    for one in found["sessions"]:
        client, group = one["client"], one["group"]
        family = "unix_stream" if client == "unix" else "tcpv6" if ":" in client else "tcpv4"
        yield (
            f"{one['session']}: proto={family} src={client}:{one['port']} fe={_word(one['service'])}"
            f" be={_word(one['service'] + '.' + group) if group else '<NONE>'} srv={_word(one['host'] or '<none>')}"
            f" ts=00 age={_span(one['open_seconds'])} calls=1 rate=0 cpu=0 lat=0"
        )


def _span(seconds: float) -> str:
    """A time as it prints them: 5s, 3m20s, 2h5m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60}m"


def errors(stats: Document) -> Iterator[str]:
    """`show errors`: protocol errors of HTTP, of which a balancer of TCP has none."""
    yield "Total events captured : 0"


def weight(stats: Document, service: str, group: str, host: str) -> Iterator[str]:
    """`get weight BACKEND/SERVER`; of a host whose members stand for it, what is the mean of theirs."""
    groups = (other for one in stats["services"] if one["name"] == service for other in one["groups"])
    hosts = [found for other in groups if other["name"] == group for found in other["hosts"]]
    named = [found for found in hosts if found["name"] == host]
    named = named or [found for found in hosts if found["name"].startswith(f"{host}:")]
    if not named:
        yield "No such server."
        return
    now, first = (sum(found[key] for found in named) / len(named) for key in ("weight", "weight_in_file"))
    yield f"{_weight(now)} (initial {_weight(first)})"
