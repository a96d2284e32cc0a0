"""Random configs that an operator's changes can be tried on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from director.config.changes import amend
from director.config.edits import renumbered
from director.config.model import Config, Endpoint, Group, Host, Listen, Service
from director.config.numbering import assign
from director.messages import Actor, AdminDown, Change, HostState, Running

ANN = Actor("ann")


def host(name: str, **attributes: object) -> Host:
    return replace(Host(name=name, ip=Endpoint("10.0.0.1", 80)), **attributes)  # type: ignore[arg-type]


def service(name: str, *groups: Group, port: int = 80) -> Service:
    listens = (Listen(ip=Endpoint("*", port)),)
    return Service(name=name, listens=listens, groups=groups, enabled=groups[0].name if groups else "")


def after(*changes: Change) -> Running:
    """What runs when ANN has made these changes to RUNNING."""
    found = RUNNING
    for change in changes:
        found, _ = amend(found, change, ANN, 1.0, force=True)
    return found


def running(*services: Service) -> Running:
    config, _ = assign(Config(services=services), None, 0)
    return Running(1, config)


WEB = service("web", Group(name="main", hosts=(host("a"), host("b"))), Group(name="next", hosts=(host("c"),)))
RUNNING = running(WEB, service("db", Group(name="main", hosts=(host("a"),)), port=5432))

_names = st.sampled_from("abcd")
_hosts = st.builds(host, _names, weight=st.sampled_from([0.0, 1.0, 2.5]), maxconn=st.sampled_from([None, 5]))
_groups = st.builds(
    lambda name, hosts, scheduler: Group(
        name=name, hosts=tuple({one.name: one for one in hosts}.values()), scheduler=scheduler
    ),
    _names,
    st.lists(_hosts, max_size=3),
    st.sampled_from(["roundrobin", "leastconns,sticky"]),
)
_services = st.builds(
    lambda name, groups, timeout: replace(
        service(name, *{group.name: group for group in groups}.values(), port=1000 + ord(name)), idle_timeout=timeout
    ),
    _names,
    st.lists(_groups, max_size=2),
    st.sampled_from([0.0, 3.0]),
)
configs = st.builds(
    lambda services, stop: Config(services=tuple({one.name: one for one in services}.values()), stop_timeout=stop),
    st.lists(_services, max_size=3),
    st.sampled_from([30.0, 5.0]),
)


@st.composite
def runnings(draw: st.DrawFn, config: Config | None = None) -> Running:
    """What may run: a config, and some hosts taken down."""
    numbered, _ = assign(draw(configs) if config is None else config, None, 0)
    numbers = [one.number for service in numbered.services for group in service.groups for one in group.hosts]
    down = draw(st.sets(st.sampled_from(numbers))) if numbers else set()
    return Running(1, numbered, {number: AdminDown(HostState.MAINT, "ann", 5.0) for number in down})


@st.composite
def histories(draw: st.DrawFn) -> list[Running]:
    """What runs, one after the other: numbers are kept, and what is the same stays the same object."""
    found = [draw(runnings())]
    last = 1000
    for _ in range(draw(st.integers(1, 4))):
        after, last = renumbered(draw(runnings()), found[-1].config, last)
        found.append(after)
    return found
