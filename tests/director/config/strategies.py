"""Valid configs for property tests, with every element and attribute.

`configs()` draws whole ones: names unique in their place, no address taken
twice, checks with the attributes of their type only.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import PurePosixPath
from typing import Any

from hypothesis import strategies as st

from director.access import Access
from director.config.addresses import nobodys, same_place
from director.config.checking import misfit
from director.config.model import (
    SCHEDULERS,
    STICKY,
    Admin,
    Check,
    Config,
    Control,
    Dns,
    Endpoint,
    Group,
    Host,
    Listen,
    Logging,
    Service,
    User,
)

_PLAIN = "abcXYZ019_-"
_BLANK_ENDS = st.characters(blacklist_categories=("Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp", "Zs"))
printable = st.text(_BLANK_ENDS, min_size=1, max_size=12) | st.sampled_from(
    ["a b", "<&>", '"quoted"', "it's", "ä/ö", "]]>", "&amp;", "--", "main"]
)
plain_names = st.text(_PLAIN, min_size=1, max_size=6)
host_names = st.text(_PLAIN + ".:", min_size=1, max_size=6)

# Exact to the microsecond, as durations are.
positive = st.sampled_from([0.1, 0.5, 1.0, 1.5, 59.0, 60.0, 90.0, 3600.0, 5400.0, 86400.0]) | st.integers(
    100_000, 10_000_000_000
).map(lambda microseconds: round(microseconds * 1e-6, 6))
durations = st.sampled_from([0.0, 0.000001, 0.001]) | positive
whole_seconds = st.integers(0, 3600).map(float)
rates = st.none() | st.sampled_from([0.0001, 0.333333, 0.5, 5.0, 1000.0])
weights = st.sampled_from([0.0, 0.5, 1.0, 2.0, 0.000001, 1_000_000.0]) | st.integers(0, 10**9).map(
    lambda millionths: round(millionths * 1e-6, 6)
)
counts = st.integers(1, 1_000_000_000)
limits = st.none() | counts

ports = st.integers(1, 65535)
ipv4 = st.ip_addresses(v=4).map(str).filter(lambda address: address != "0.0.0.0")
mapped = ipv4.map(lambda address: str(IPv6Address(f"::ffff:{address}")))  # nothing listens on these
ipv6 = (
    st.ip_addresses(v=6)
    .map(IPv6Address)
    .filter(lambda address: not address.is_link_local)  # it would need its interface
    .filter(lambda address: address.ipv4_mapped is None)
    .map(str)
)
host_addresses = (ipv4 | ipv6 | mapped).filter(lambda address: not nobodys(address))
networks = st.lists(
    ipv4 | ipv6 | st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "192.168.1.6/31", "::/0", "2001:db8::/32"]),
    min_size=1,
    max_size=3,
).map(tuple)
dns_names = st.from_regex(r"[a-z_]([a-z0-9_-]{0,5}[a-z0-9_])?(\.[a-z]{1,5}){0,3}\.?", fullmatch=True)
paths = st.lists(st.text("abc .-<ö", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["/", ""]).map(lambda root: str(PurePosixPath(root, *parts)).strip() or "x")
)
paths = paths.filter(lambda path: path == str(PurePosixPath(path)) and path.strip() == path and path != ".")
log_files = paths | st.sampled_from(["stderr", "journald", "syslog", "syslog:/dev/log", "syslog:[::1]:514"])
accounts = plain_names

sockets = st.builds(Endpoint, path=paths)
names_with_ports = st.builds(Endpoint, ipv4 | ipv6 | dns_names, ports)
tcp_listens = names_with_ports | st.builds(Endpoint, st.just("*"), ports)
targets = st.builds(Endpoint, host_addresses | dns_names, ports) | sockets | st.builds(Endpoint, srv=dns_names)

schedulers = st.builds(
    str.__add__,
    st.sampled_from([*SCHEDULERS, "python:mine:Fair", "python:our.own_1.pick:Best"]),
    st.sampled_from(["", STICKY]),
)

_escaped = st.sampled_from(["PING\\r\\n", "\\x00\\\\", " ends with blanks ", "line\nbreak\tand\rmore", '<"&'])
_hex = st.sampled_from(["00", "0d0a", "deadbeef"])
_patterns = st.sampled_from(["^ok$", " PONG ", "a|b", "[<&>]"])

_common: dict[str, st.SearchStrategy[Any]] = {
    "interval": positive,
    "timeout": positive,
    "rise": st.integers(1, 1000),
    "fall": st.integers(1, 1000),
    "fastinterval": st.none() | positive,
    "downinterval": st.none() | positive,
    "address": st.none() | host_addresses | dns_names,
    "port": st.none() | ports,
}
_tls: dict[str, st.SearchStrategy[Any]] = {
    "verify": st.booleans(),
    "ca": st.none() | paths,
    "sni": st.none() | dns_names,
}
_http: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT"]),
    "path": st.none() | st.sampled_from(["/", "/health?full=1&x=<"]),
    "host": st.none() | printable,
    "expect": st.none() | st.sampled_from(["200", "200-299,304", "404"]),
    "pattern": st.none() | _patterns,
}


def _check(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Check]:
    return st.builds(Check, type=st.just(kind), **_common, **fields)


checks = st.one_of(
    _check("tcp"),
    _check("tls", **_tls),
    _check("http", **_http),
    _check("https", **_http, **_tls),
    _check("send", send=st.none() | _escaped, expect=_escaped, pattern=st.none() | _patterns),
    _check("send", send_hex=_hex, expect_hex=st.none() | _hex),
    _check(
        "script",
        command=paths,
        args=st.lists(printable | st.just(""), max_size=3).map(tuple),
    ),
)


def _unique(things: st.SearchStrategy[Any], most: int, least: int = 0) -> st.SearchStrategy[Any]:
    return st.lists(things, min_size=least, max_size=most, unique_by=lambda thing: thing.name).map(tuple)


def hosts(names: st.SearchStrategy[str]) -> st.SearchStrategy[Host]:
    """Hosts with names like these."""
    return st.builds(
        Host,
        name=names,
        ip=targets,
        weight=weights,
        maxconn=limits,
        backup=st.booleans(),
        resolve=st.sampled_from(["first", "all"]),
        fast_open=st.booleans(),
        source=st.none() | ipv4 | ipv6,
        check=st.none() | checks,
    )


def groups(names: st.SearchStrategy[str], of_hosts: st.SearchStrategy[str]) -> st.SearchStrategy[Group]:
    """Groups with names like these, of hosts with names like those."""
    return st.builds(
        Group,
        name=names,
        scheduler=schedulers,
        hosts=_unique(hosts(of_hosts), 3),
        check=st.none() | checks,
        sticky_timeout=positive,
        sticky_size=counts,
        min_up=st.integers(0, 10),
        slowstart=durations,
        observe_window=durations,
        backup_close=st.booleans(),
    ).map(_sensible)


def _sensible(group: Group) -> Group:
    """The group, with hosts that its checks can be made of, and without what unix sockets have not."""
    elsewhere = Endpoint("10.0.0.1", 1)
    hosts = (replace(one, ip=elsewhere) if misfit(one.check or group.check, one.ip) else one for one in group.hosts)
    plain = (replace(one, fast_open=False, source=None) if one.ip.path else one for one in hosts)
    return replace(group, hosts=tuple(plain))


tcp_listeners = st.builds(
    Listen,
    ip=tcp_listens,
    backlog=st.integers(1, 1_000_000),
    defer_accept=whole_seconds,
    fast_open=st.booleans(),
)
unix_listeners = st.builds(
    Listen,
    ip=sockets,
    backlog=st.integers(1, 1_000_000),
    mode=st.none() | st.integers(0, 0o777),
    owner=st.none() | accounts,
    group=st.none() | accounts,
)


@st.composite
def services(draw: st.DrawFn, odd: bool = False) -> Service:
    """One service; `odd`: with names that only an ancestor's file may have."""
    names, of_hosts = (printable, printable) if odd else (plain_names, host_names)
    its_groups = draw(_unique(groups(names, of_hosts), 3))
    return draw(
        st.builds(
            Service,
            name=names,
            listens=st.lists(tcp_listeners | unix_listeners, min_size=1, max_size=3).map(tuple),
            groups=st.just(its_groups),
            enabled=st.sampled_from([group.name for group in its_groups] or [""]),
            maxconn=limits,
            connect_timeout=positive,
            idle_timeout=durations,
            queue=st.integers(0, 10_000),
            queue_timeout=durations,
            abort_on_close=st.booleans(),
            retries=st.none() | st.integers(0, 10),
            log=st.sampled_from(["all", "errors", "none", "sampled:100"]),
            keepalive=st.booleans(),
            keepalive_idle=whole_seconds,
            keepalive_interval=whole_seconds,
            keepalive_count=st.integers(0, 127),
            user_timeout=durations,
            drain_within=st.none() | durations,
            drain_rate=rates,
            source=st.none() | ipv4 | ipv6,
            allow=st.none() | networks,
            deny=st.none() | networks,
        )
    )


users = st.builds(
    User,
    name=printable.map(lambda name: name.replace(":", ".")),
    password=st.sampled_from(["iy9l0V1MkG1DE", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"]),
    access=st.sampled_from(Access),
)


@st.composite
def admins(draw: st.DrawFn) -> Admin:
    """A web admin with users of one kind or both."""
    its_users = draw(_unique(users, 2))
    users_file = draw(paths if not its_users else st.none() | paths)
    return draw(
        st.builds(
            Admin,
            listen=tcp_listens,
            users_file=st.just(users_file),
            users=st.just(its_users),
            secure=st.booleans(),
            cert=st.none() | paths,
            key=st.none() | paths,
            legacy_get=st.booleans(),
            metrics=st.sampled_from(["login", "open"]),
        )
    )


controls = st.builds(Control, socket=st.none() | paths, group=st.none() | accounts, access=st.sampled_from(Access))
loggings = st.builds(
    Logging,
    file=st.none() | log_files,
    level=st.sampled_from(["debug", "info", "warning", "error"]),
    format=st.sampled_from(["text", "json"]),
    connections=st.none() | log_files,
)
dns_settings = st.builds(
    Dns,
    servers=st.lists(st.builds(Endpoint, ipv4 | ipv6, ports), max_size=3).map(tuple),
    search=st.lists(dns_names, max_size=3).map(tuple),
    prefer=st.sampled_from(["ipv4", "ipv6"]),
    min_ttl=durations.map(lambda seconds: min(seconds, 60.0)),
    max_ttl=durations.map(lambda seconds: max(seconds, 60.0)),
    timeout=positive,
    hold=st.none() | durations,
)


def _has_free_addresses(config: Config) -> bool:
    places = [same_place(listen.ip) for service in config.services for listen in service.listens]
    places += [same_place(admin.listen) for admin in config.admins]
    places += {("", 0, control.socket) for control in config.controls if control.socket is not None}
    return len(set(places)) == len(places)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any valid config."""
    odd = draw(st.booleans())
    its_services = draw(_unique(services(odd), 3))
    config = draw(
        st.builds(
            Config,
            services=st.just(its_services),
            admins=st.lists(admins(), max_size=2).map(tuple),
            controls=st.lists(controls, max_size=2, unique_by=lambda control: (control.socket, control.group)).map(
                tuple
            ),
            logging=loggings,
            checktime=positive,
            dns=dns_settings,
            workers=st.none() | st.integers(1, 1024),
            maxconn=limits,
            user=st.none() | accounts,
            group=st.none() | accounts,
            stop_timeout=durations,
            drain_timeout=durations,
            orphan_timeout=durations,
            worker_timeout=positive.map(lambda seconds: round(seconds + 1, 6)),
            upgrade_timeout=positive.map(lambda seconds: round(seconds + 1, 6)),
            upgrade_probation=durations,
        ).filter(_has_free_addresses)
    )
    return config
