"""A scheduler of the user's own: found beside the config file, swapped live, and nobody's outage when it fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.system.addresses import ask_name, connect, free_address, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]

MINE = """\
import pathlib, time

class Last:
    def choose(self, hosts, request):
        return hosts[-1]

class Fragile:
    def __init__(self):
        self.left = 5

    def choose(self, hosts, request):
        self.left -= 1
        if self.left < 0:
            HOW
        return hosts[-1]

class Spare(Fragile):
    pass
"""
FAULTS = {
    "raise": "raise KeyError(request.client)",
    "nonsense": "return 'last'",
    "endless": "while True: pass",
}


def start(daemon: Daemon, hosts: list[Host], fault: str = "raise", **attributes: object) -> str:
    address = free_address()
    (daemon.folder / "mine.py").write_text(MINE.replace("HOW", FAULTS.get(fault, fault)))
    members = [host(name, one.address) for name, one in zip("ab", hosts, strict=True)]
    # What only a group that is not enabled names may be chosen, too.
    named = [
        group(host("z", hosts[0].address), name=f"named{place}", scheduler=f"python:mine:{name}")
        for place, name in enumerate(("Last", "Fragile", "Spare"))
    ]
    main = group(*members, scheduler="first")
    daemon.start(director(service(address, main, *named, enable="main"), workers=4, **attributes))
    return address


def choose(daemon: Daemon, scheduler: str) -> None:
    done = daemon.ctl("group-scheduler", "web", "main", scheduler)
    assert done.exit == 0 and "applied by 4 of 4 workers" in done.out, done.text


def main_group(daemon: Daemon) -> dict[str, object]:
    groups = daemon.service()["groups"]
    return next(one for one in groups if one["name"] == "main")


def test_schedulers_are_swapped_live_and_only_named_code_is_run(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b"))
    with connect(address) as before:
        assert read_line(before) == "a"
        choose(daemon, "python:mine:Last")
        assert {ask_name(address) for _ in range(20)} == {"b"}
        choose(daemon, "python:mine:Last,sticky")
        choose(daemon, "roundrobin")
        assert {ask_name(address) for _ in range(20)} == {"a", "b"}
        before.sendall(b"still here\n")
        assert read_line(before) == "still here"
    again = daemon.ctl("group-scheduler", "web", "main", "roundrobin")
    assert again.exit == 0 and "already" in again.out
    for scheduler, words in (
        ("python:os:system", "neither the config file nor an installed entry point names it"),
        ("python:mine:Lost", "did you mean 'python:mine:Last'"),
        ("leastcons", "did you mean 'leastconns'"),
        ("python:os.system", "write python:package.module:Class"),
    ):
        refused = daemon.ctl("group-scheduler", "web", "main", scheduler)
        assert refused.exit == 1 and words in refused.err, refused.text
    choose(daemon, "python:mine:Last")
    assert "run-time change" in daemon.directord("reload").out
    assert {ask_name(address) for _ in range(8)} == {"b"}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_fails_is_replaced_by_the_one_before_and_no_client_notices(
    daemon: Daemon, hosts: Hosts, fault: str
) -> None:
    address = start(daemon, hosts("a", "b"), fault)
    choose(daemon, "python:mine:Fragile")
    answers = [ask_name(address) for _ in range(60)]
    assert set(answers) == {"a", "b"}
    assert answers[-1] == "a"
    wait_until(lambda: main_group(daemon)["scheduler_failures"] == 1)
    assert main_group(daemon)["scheduler_in_use"] == "first"
    assert main_group(daemon)["scheduler"] == "python:mine:Fragile"
    wait_until(lambda: {ask_name(address) for _ in range(20)} == {"a"}, 3)

    daemon.kill(daemon.hub())
    daemon.kill(daemon.workers()[0])
    wait_until(lambda: daemon.is_serving(4))
    assert {ask_name(address) for _ in range(30)} == {"a"}
    assert daemon.log.count("scheduler failed") == 1
    assert "Traceback" not in daemon.log
    assert main_group(daemon)["scheduler_failures"] == 1


@pytest.mark.parametrize("fault", ["sum(iter(int, 1))", "__import__('os').abort()"])
def test_one_that_takes_its_worker_along_is_replaced_too(daemon: Daemon, hosts: Hosts, fault: str) -> None:
    address = start(daemon, hosts("a", "b"), fault, worker_timeout="3s")
    choose(daemon, "python:mine:Fragile")
    wait_until(lambda: answer(address) == "")
    wait_until(lambda: main_group(daemon)["scheduler_in_use"] == "first", 20)
    wait_until(lambda: daemon.is_serving(4), 20)
    assert {ask_name(address) for _ in range(40)} == {"a"}
    assert main_group(daemon)["scheduler_failures"] == 1
    assert 'fallback=first reason="a worker hung or crashed in it"' in daemon.log


def test_one_that_forks_is_no_second_worker(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b"), "__import__('os').fork()")
    choose(daemon, "python:mine:Fragile")
    assert {ask_name(address) for _ in range(60)} <= {"a", "b"}  # by a when a fork takes too long
    daemon.stop()
    assert not daemon.pids()


def answer(address: str) -> str:
    """The name of the host; empty if the worker is gone, or silent."""
    try:
        with connect(address) as client:
            client.settimeout(1.0)
            return read_line(client)
    except OSError:
        return ""


def test_one_chosen_again_and_one_that_an_upgrade_loads_are_tried_again(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b"), "raise")
    choose(daemon, "python:mine:Fragile")

    def fails(times: int) -> None:
        wait_until(lambda: "b" not in {ask_name(address) for _ in range(30)})
        wait_until(lambda: main_group(daemon)["scheduler_failures"] == times)
        assert main_group(daemon)["scheduler_in_use"] == "first"

    def is_tried() -> None:
        wait_until(lambda: ask_name(address) == "b")

    fails(1)
    choose(daemon, "python:mine:Fragile")
    assert "again, which had failed" in daemon.ctl("journal").out
    is_tried()
    fails(2)
    choose(daemon, "python:mine:Fragile,sticky")
    daemon.ctl("sticky-clear", "web", "main")
    is_tried()
    choose(daemon, "python:mine:Fragile")
    fails(3)
    assert daemon.directord("upgrade").exit == 0
    assert main_group(daemon)["scheduler_failures"] == 3
    is_tried()
    fails(4)
    assert daemon.log.count("scheduler failed") == 4


def test_a_broken_one_is_refused_with_file_and_line(daemon: Daemon, hosts: Hosts) -> None:
    start(daemon, hosts("a", "b"))
    (daemon.folder / "broken.py").write_text("class Broken:\n    def choose(self, hosts, request):\n        return (\n")
    text = daemon.config_file.read_text()
    daemon.configure(text.replace('"first"', '"python:broken:Broken"'))
    done = daemon.directord("reload")
    assert done.exit == 78
    assert "config.xml:2: can't use scheduler python:broken:Broken: can't import broken: broken.py:3:" in done.err
    assert "Traceback" not in done.text
    assert daemon.directord("check").exit == 78


def test_the_one_before_may_fail_too(daemon: Daemon, hosts: Hosts) -> None:
    address = start(daemon, hosts("a", "b"))
    choose(daemon, "python:mine:Spare")
    choose(daemon, "python:mine:Fragile")
    assert all(ask_name(address) for _ in range(120))
    wait_until(lambda: main_group(daemon)["scheduler_failures"] == 2)
    assert main_group(daemon)["scheduler_in_use"] == "leastconns"
    told = [line.partition("scheduler failed: ")[2] for line in daemon.log.splitlines() if "scheduler failed" in line]
    assert [line.split()[1:3] for line in told] == [
        ["scheduler=python:mine:Fragile", "fallback=python:mine:Spare"],
        ["scheduler=python:mine:Spare", "fallback=leastconns"],
    ]
    assert all(ask_name(address) for _ in range(20))
