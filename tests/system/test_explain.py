"""What `explain` says of a running director, and round robin as seen from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.system.addresses import ask_name, connect, free_address, read_line
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


def test_a_choice_and_a_live_session_are_explained(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b, c = hosts("a", "b", "c")
    members = (
        host("a", a.address),
        host("b", b.address),
        host("c", c.address),
        host("idle", c.address, weight=0),
        host("spare", c.address, backup="yes"),
    )
    daemon.start(director(service(address, group(*members, scheduler="leastconns,sticky")), workers=4))
    assert daemon.ctl("host-down", "web", "main", "c").exit == 0
    with connect(address) as client:
        name = read_line(client)
        other = "b" if name == "a" else "a"

        def explained(client: str) -> dict[str, str]:
            document = daemon.command("explain", service="web", client=client)
            assert document["age_ms"] is not None and document["age_ms"] < 5000
            return {one["host"]: one["verdict"] for one in document["hosts"]}

        rest = {"c": "maint", "idle": "no weight", "spare": "backup"}
        wait_until(lambda: explained("127.0.0.1") == {name: "chosen", other: "sticky", **rest})
        wait_until(lambda: explained("10.1.1.1") == {name: "-", other: "chosen", **rest})
        text = daemon.ctl("explain", "web", "--client", "10.1.1.1").out
        assert f"chosen: {other}" in text and "ms ago" in text

        (session,) = daemon.command("sessions", service="web")["sessions"]
        assert (session["host"], session["port"]) == (name, client.getsockname()[1])
        told = daemon.ctl("explain", "--session", session["session"])
        assert told.exit == 0 and name in told.out and "leastconns" in told.out
    wait_until(lambda: daemon.ctl("explain", "--session", session["session"]).exit == 1)
    assert daemon.ctl("explain", "wep").exit == 1
    assert daemon.ctl("explain").exit == 2

    daemon.kill(daemon.hub())
    wait_until(lambda: daemon.ctl("explain", "web").exit == 0)


def test_round_robin_over_four_workers_is_round_robin(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    members = [host(name, one.address) for name, one in zip("abcd", hosts("a", "b", "c", "d"), strict=True)]
    daemon.start(one_service(address, *members, workers=4))
    with ThreadPoolExecutor(8) as clients:
        answers = Counter(clients.map(lambda _: ask_name(address), range(4000)))
    assert sum(answers.values()) == 4000
    assert all(abs(answers[name] - 1000) <= 4 for name in "abcd"), answers
