"""Commands about clients that return to the host they had."""

from __future__ import annotations

import time

import pytest

from control.commands.command import CommandError
from director.config.model import Config, Endpoint, Group, Host, Service
from director.errors import UsageError
from director.messages import Running
from tests.control.commands.running import run
from tests.control.hubs import FakeHub

HOSTS = tuple(Host(name=name, ip=Endpoint("h", 1), number=number) for name, number in (("a", 3), ("b", 4)))
GROUPS = (
    Group(name="main", scheduler="leastconns,sticky", sticky_timeout=60.0, hosts=HOSTS, number=2),
    Group(name="next", scheduler="random", number=5),
)
CONFIG = Config(services=(Service(name="web", groups=GROUPS, enabled="main", number=1),))


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.running = Running(1, CONFIG)
    hub.stickies.configure(CONFIG)
    now = time.monotonic()
    hub.stickies.hear({2: [["10.0.0.1", 3, now - 5], ["10.0.0.2", 4, now - 1], ["10.0.0.3", 3, now - 100]]})
    return hub


def test_clients_are_listed_with_their_host_those_seen_last_first(hub: FakeHub) -> None:
    clients = run(hub, "sticky", service="web", group="main")["clients"]
    assert [(one["client"], one["host"]) for one in clients] == [("10.0.0.2", "b"), ("10.0.0.1", "a")]
    assert 4 < clients[1]["seen_seconds"] < 20
    assert 40 < clients[1]["expires_seconds"] < 56


def test_one_client_can_be_looked_up(hub: FakeHub) -> None:
    (one,) = run(hub, "sticky", service="web", group="main", client="10.0.0.1")["clients"]
    assert one["host"] == "a"
    assert run(hub, "sticky", service="web", group="main", client="::ffff:10.0.0.1")["clients"][0]["host"] == "a"
    for unknown in ("10.9.9.9", "unix", "nonsense"):
        assert run(hub, "sticky", service="web", group="main", client=unknown)["clients"] == []


def test_clearing_one_says_whether_it_was_known(hub: FakeHub) -> None:
    assert run(hub, "sticky-clear", service="web", group="main", client="10.0.0.1")["lines"] == [
        "10.0.0.1 is forgotten in web/main"
    ]
    result = run(hub, "sticky-clear", service="web", group="main", client="10.0.0.1")
    assert result["lines"] == ["10.0.0.1 is not known in web/main"]
    assert len(run(hub, "sticky", service="web", group="main")["clients"]) == 1


def test_a_dry_run_only_counts(hub: FakeHub) -> None:
    dry = {"dry-run": True}
    told = run(hub, "sticky-clear", service="web", group="main", **dry)
    assert told["lines"] == ["forget 2 clients in web/main"]
    told = run(hub, "sticky-clear", service="web", group="main", client="10.0.0.1", **dry)
    assert told["lines"] == ["forget 1 client in web/main"]
    assert len(run(hub, "sticky", service="web", group="main")["clients"]) == 2


def test_clearing_all_says_how_many(hub: FakeHub) -> None:
    assert run(hub, "sticky-clear", service="web", group="main")["forgotten"] == 3
    assert run(hub, "sticky", service="web", group="main")["clients"] == []


def test_a_group_that_is_not_sticky_is_refused_with_the_remedy(hub: FakeHub) -> None:
    with pytest.raises(CommandError, match="random,sticky"):
        run(hub, "sticky", service="web", group="next")


def test_an_unknown_group_is_told_with_the_nearest(hub: FakeHub) -> None:
    with pytest.raises(UsageError, match="did you mean 'main'"):
        run(hub, "sticky", service="web", group="mian")
