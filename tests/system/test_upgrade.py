"""Every process is replaced under load, and no client notices; what fails is taken back."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from tests import waiting
from tests.shortage import no_room
from tests.system.addresses import ask_name, connect, free_address, read_all
from tests.system.admins import DES
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import ROOT, Daemon, Result
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams

T = TypeVar("T")
Serve = Callable[..., Host]
Hosts = Callable[..., list[Host]]


def wait_until(condition: Callable[[], T], timeout: float = 30.0, every: float = 0.02) -> T:
    """An upgrade starts two interpreters: on a busy machine that takes a while."""
    return waiting.wait_until(condition, timeout, every)


@contextmanager
def loaded(address: str) -> Iterator[ShortRequests]:
    """Streams and short requests all the while; none may fail."""
    with Streams(address, 10) as streams, ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 10)
        yield requests
        more, exchanged = requests.done + 10, streams.exchanged + 5000
        wait_until(lambda: requests.done > more and streams.exchanged > exchanged)
    assert streams.broken == {}
    assert requests.failures == []
    assert requests.slowest < 3


def upgrade(daemon: Daemon, exit: int = 0) -> Result:
    done = daemon.directord("upgrade")
    assert done.exit == exit, f"exit {done.exit}: {done.text}\n{daemon.log}"
    return done


def is_alone(daemon: Daemon, processes: int = 4) -> bool:
    """Whether one generation is left: master, hub and workers."""
    return len(daemon.pids()) == processes and len(list(daemon.run_dir.glob("g*-*"))) == 1


def config(address: str, serve: Serve, **more: object) -> str:
    hosts = (host("a", serve().address), host("b", serve().address))
    attributes: dict[str, Any] = {"upgrade_probation": "0.3s", **more}
    return one_service(address, *hosts, **attributes)


@pytest.mark.fault(3)
def test_upgrades_under_load_lose_nothing_and_leave_nothing(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve))
    totals, open_, sizes = [0], [], []
    with loaded(address):
        for _ in range(4):
            master = daemon.master
            lines = upgrade(daemon).out.splitlines()
            assert lines[0] == "checking the new version"
            assert lines[-1] == f"upgraded to version 0.1.0, pid {daemon.master}"
            assert daemon.master != master
            wait_until(lambda: daemon.is_serving(2))
            wait_until(lambda: daemon.service()["total"] > totals[-1])
            totals.append(daemon.service()["total"])
            open_.append(daemon.service()["open"])
            wait_until(lambda: len(daemon.pids()) == 8)  # the first, which has the streams, and the last
            sizes.append(psutil.Process(daemon.master).num_fds())
    # Those of the first generation counted in each later one.
    assert min(open_) >= 10, open_
    wait_until(lambda: is_alone(daemon))
    wait_until(lambda: daemon.service()["open"] == 0)
    assert daemon.service()["total"] >= totals[-1]
    assert sizes[-1] <= sizes[1] + 1, sizes


def test_what_operators_said_and_what_was_learnt_is_the_same_after(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b, n = hosts("a", "b", "n")
    main = group(
        host("a", a.address),
        host("b", b.address),
        host("dead", free_address()),
        scheduler="roundrobin,sticky",
    )
    other = group(host("n", n.address), name="next")
    daemon.start(director(service(address, main, other), upgrade_probation="0.2s"))
    wait_until(lambda: len({ask_name(address) for _ in range(10)}) == 1)  # all workers know of it
    stuck = ask_name(address)
    assert daemon.ctl("host-down", "web", "next", "n", "--reason", "holidays", "--force").exit == 0
    wait_until(lambda: daemon.host("dead")["state"] in ("down", "up"))
    assert daemon.ctl("host-weight", "web", "main", "b", "3").exit == 0

    def known() -> dict[str, tuple[object, ...]]:
        found = {name: daemon.host(name) for name in ("a", "b", "dead")}
        return {name: (one["state"], one["weight"], one["total"]) for name, one in found.items()}

    wait_until(lambda: daemon.host("a")["total"] + daemon.host("b")["total"] == a.accepted + b.accepted)
    before, total = known(), daemon.service()["total"]
    upgrade(daemon)
    assert known() == before
    assert before["b"][1] == 3
    away = daemon.host("n", group="next")
    assert (away["state"], away["reason"]) == ("maint", "holidays")
    assert daemon.service()["total"] == total
    assert {ask_name(address) for _ in range(10)} == {stuck}
    assert daemon.ctl("host-up", "web", "next", "n").exit == 0
    upgrade(daemon)
    assert daemon.host("n", group="next")["state"] == "up"
    assert {ask_name(address) for _ in range(10)} == {stuck}


@pytest.mark.fault(3)
def test_a_limit_holds_over_all_generations(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    counting = serve()
    only = group(host("a", counting.address), name="main")
    daemon.start(director(service(address, only, maxconn=12, queue_timeout="60s"), upgrade_probation="0.3s"))
    with Streams(address, 8) as streams, ShortRequests(address, 8, timeout=60) as requests:
        most = []
        for _ in range(3):
            command = daemon.spawn("upgrade")
            while command.poll() is None:
                # At the host: the statistics put together what processes said at different moments.
                most.append(counting.open)
                time.sleep(0.001)
            assert command.returncode == 0
            more = requests.done + 20
            wait_until(lambda more=more: requests.done > more)  # type: ignore[misc]
    assert streams.broken == {}
    assert requests.failures == []
    assert max(most) <= 12, most


@pytest.mark.parametrize("workers", [1, 3])
def test_another_number_of_workers_comes_with_an_upgrade(daemon: Daemon, serve: Serve, workers: int) -> None:
    address, more = free_address(), free_address()
    daemon.start(config(address, serve))
    with loaded(address):
        daemon.configure(
            config(address, serve, workers=workers).replace("</service>", f'<listen ip="{more}"/></service>')
        )
        upgrade(daemon)
        wait_until(lambda: daemon.is_serving(workers))
        with ShortRequests(more) as requests:
            wait_until(lambda: requests.done > 10)
        assert requests.failures == []


@pytest.mark.fault(7)
def test_a_second_upgrade_and_a_change_meanwhile_are_refused(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="15s"))
    master = daemon.master
    first = daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log)
    second, reload = daemon.spawn("upgrade"), daemon.spawn("reload")  # at once: it is watched for a time only
    for number in (signal.SIGHUP, signal.SIGUSR2):
        daemon.kill(master, number)
    with pytest.raises(AssertionError, match="can't change anything"):
        daemon.command("host-down", service="web", group="main", host="a")
    said, _ = second.communicate(timeout=30)
    assert (second.returncode, "can't upgrade" in said) == (150, True), said
    assert reload.wait(30) == 1
    assert "can't reload: the daemon is watching its successor" in daemon.log
    assert first.wait(60) == 0
    assert daemon.master != master
    assert daemon.ctl("host-down", "web", "main", "a").exit == 0


# -- what fails ------------------------------------------------------------------

BROKEN = {
    "a syntax error": ("director/master/run.py", "def (:\n", 150, "SyntaxError"),
    "a missing module": ("workers/relay.py", "import no_such_module\n", 150, "no_such_module"),
    "a hub that dies": ("control/hub.py", "\n\ndef main(birth):\n    os._exit(3)\n", 151, "its hub died"),
    "a hub that can't take over": (
        "control/hub.py",
        "\n\nHub._take_over = lambda self, memory: 1 / 0\n",
        151,
        "did not take the daemon over",
    ),
    "a hub that hangs": ("control/hub.py", "\n\ndef main(birth):\n    time.sleep(600)\n", 151, "not ready in time"),
    "a worker that dies": ("workers/run.py", "\n\ndef main(birth):\n    os._exit(3)\n", 151, "its worker"),
    "a master that crashes once it serves": (
        "director/master/candidate.py",
        "\n\nBEAT = 0.1\nCandidate.all_accept = lambda self: (self._bond.tell(Serving()), "
        "self._master.loop.after(1.0, lambda: os._exit(9)))\n",
        151,
        "it died",
    ),
    "workers that crash once they serve": (
        "workers/run.py",
        "\n\ndef later(birth, old=main):\n    signal.setitimer(signal.ITIMER_REAL, 1.5)\n    return old(birth)\n"
        "\nimport signal\nmain = later\n",
        151,
        "its worker",
    ),
    "workers that hang once they serve": (
        "workers/run.py",
        "\n\ndef hang(self, message, fds, old=Worker._obey):\n    old(self, message, fds)\n"
        "    if isinstance(message, Accept):\n        gevent.spawn_later(0.5, time.sleep, 600)\n"
        "\nimport time\nWorker._obey = hang\n",
        151,
        "silent",
    ),
    "a master that crashes when it is the daemon": (
        "director/master/run.py",
        "\n\ndef crash(self, old=Master.become_daemon):\n    old(self)\n    os._exit(9)\n"
        "\nMaster.become_daemon = crash\n",
        151,
        "it died",
    ),
    "workers that accept nobody": (
        "workers/acceptor.py",
        "\n\nimport time\nAcceptor._on_ready = lambda self, listener, mask: time.sleep(0.01)\n",
        151,
        "filled half the backlog",
    ),
    "a master that falls silent once it serves": (
        "director/master/candidate.py",
        "\n\nimport time\nCandidate.all_accept = lambda self: (self._bond.tell(Serving()), time.sleep(600))\n",
        151,
        "silent",
    ),
}

TIMES: dict[str, dict[str, str]] = {
    "a hub that can't take over": {"upgrade_probation": "0.3s"},
    "a hub that hangs": {"worker_timeout": "60s"},
    "workers that hang once they serve": {"upgrade_probation": "10s", "worker_timeout": "6s"},
}


@pytest.mark.fault(4)
@pytest.mark.fault(5)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_version_is_refused_or_taken_back(daemon: Daemon, serve: Serve, copy: Path, name: str) -> None:
    path, text, exit, reason = BROKEN[name]
    address = free_address()
    patience = "25s" if "hangs" in name else "60s"  # two interpreters start within it
    daemon.environment["PYTHONPATH"] = str(copy)
    times = {"upgrade_probation": "5s", "upgrade_timeout": patience, "orphan_timeout": "5s", **TIMES.get(name, {})}
    settings = config(address, serve, **times)
    daemon.start(settings.replace("<listen", '<listen backlog="6"'))
    daemon.environment["PYTHONPATH"] = str(ROOT)  # commands are always whole
    master, workers = daemon.master, daemon.workers()
    good = (copy / path).read_text()
    threads = 8 if "accept nobody" in name else 2  # half the backlog of one of two sockets, at least
    with Streams(address, 10) as streams, ShortRequests(address, threads, timeout=30) as requests:
        wait_until(lambda: requests.done > 10)
        (copy / path).write_text(good + text)
        done = upgrade(daemon, exit)
        assert reason in done.text, done.text
        assert (daemon.master, daemon.workers()) == (master, workers)
        assert daemon.is_serving(2)
        more = requests.done + 20
        wait_until(lambda: requests.done > more)
    assert streams.broken == {}
    # Only what a process held that itself died.
    assert len(requests.failures) <= (4 if "once they serve" in name else 0), requests.failures
    wait_until(lambda: is_alone(daemon))
    wait_until(lambda: daemon.service()["open"] == 0)  # also what died is no longer counted

    (copy / path).write_text(good)
    daemon.configure(config(address, serve))
    with loaded(address):
        upgrade(daemon)
    assert daemon.master != master


@pytest.mark.fault(24)
def test_without_room_for_what_is_to_be_handed_over_all_goes_on_as_it_was(daemon: Daemon, serve: Serve) -> None:
    """The kernel takes no byte into a memory file: of the master, then of the hub, which must write what it knows."""
    address = free_address()
    daemon.start(config(address, serve, user="root"))  # so that we may limit it, if we are root, too
    master, workers, hub = daemon.master, daemon.workers(), daemon.hub()
    with loaded(address):
        with no_room(master):
            text = upgrade(daemon, 150).text
            assert "can't start it: File too large; nothing was changed" in text, text
        with no_room(hub):
            text = upgrade(daemon, 151).text
            assert "can't write down what it knows" in text, text
            assert daemon.ctl("host-down", "web", "main", "a").exit == 0
        assert (daemon.master, daemon.workers(), daemon.hub()) == (master, workers, hub)
        assert daemon.is_serving(2)
        wait_until(lambda: is_alone(daemon))
        upgrade(daemon)
        assert daemon.host("a")["state"] == "maint"
    assert daemon.master != master


@pytest.mark.fault(24)
def test_a_journal_without_room_when_it_changes_hands_forgets_nothing_that_is_said_later(
    daemon: Daemon, serve: Serve
) -> None:
    """The version that takes over can't write down which config is in force; changes after that rest on it."""
    address = free_address()
    settings = config(address, serve, user="root", upgrade_probation="3s")
    daemon.start(settings)
    new = host("new", serve().address)
    daemon.configure(settings.replace("</group>", f"{new}</group>") + f"<!-- {'x' * 20_000} -->")
    command = daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log, timeout=60)
    found = re.findall(r"is ready, pid (\d+)", daemon.log)
    with no_room(int(found[0]), beyond=10_000):  # all else of it is shorter
        said, _ = command.communicate(timeout=60)
        assert command.returncode == 0, said
    assert "written down before the next change is" in daemon.log
    assert daemon.ctl("host-down", "web", "main", "new").exit == 0
    daemon.kill(daemon.master)
    wait_until(lambda: not daemon.pids())
    daemon.start()
    assert daemon.host("new")["state"] == "maint"


@pytest.mark.fault(4)
def test_a_config_that_can_not_be_used_refuses_the_upgrade(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    good = config(address, serve)
    daemon.start(good)
    master = daemon.master
    with loaded(address):
        daemon.configure(good.replace("roundrobin", "roundrobbin"))
        assert "config.xml:2: " in upgrade(daemon, 150).text
        assert daemon.master == master
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            users = f'<user name="ann" password="{DES}" access="full"/>'
            daemon.configure(good.replace("<service", f'<admin listen="127.0.0.1:{port}">{users}</admin><service', 1))
            refused = upgrade(daemon, 151)
            assert f"can't listen on 127.0.0.1:{port}: Address already in use" in refused.text
        assert daemon.master == master
        daemon.configure(good)
        upgrade(daemon)


# -- who dies meanwhile ----------------------------------------------------------

STEPS = {
    "at the exec": ("starting version", 1),
    "while its successor gets ready": ("daemon starting", 2),
    "when its successor is ready": ("is ready, pid", 1),
    "in probation": ("watching it for", 1),
}


@pytest.mark.fault(6)
@pytest.mark.parametrize("when", STEPS)
def test_if_the_old_master_is_killed_its_successor_is_the_daemon(daemon: Daemon, serve: Serve, when: str) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="5s", orphan_timeout="4s"))
    text, times = STEPS[when]
    master = daemon.master
    with loaded(address):
        command = daemon.spawn("upgrade")
        wait_until(lambda: daemon.log.count(text) >= times, every=0.002)
        daemon.kill(master)
        wait_until(lambda: daemon.master != master)
        wait_until(lambda: daemon.is_serving(2))
        # Whoever asked for it hears from the successor what became of it.
        said, _ = command.communicate(timeout=60)
        assert (command.returncode, f"pid {daemon.master}" in said) == (0, True), said
    assert daemon.directord("status").exit == 0
    wait_until(lambda: is_alone(daemon))
    upgrade(daemon) if when == "in probation" else None


@pytest.mark.fault(8)
@pytest.mark.parametrize("when", list(STEPS)[1:])
def test_who_asked_for_an_upgrade_hears_of_it_though_the_hub_dies(daemon: Daemon, serve: Serve, when: str) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="2s"))
    master, hub = daemon.master, daemon.hub()
    text, times = STEPS[when]
    with loaded(address):
        command = daemon.spawn("upgrade")
        wait_until(lambda: daemon.log.count(text) >= times, every=0.002)
        daemon.kill(hub)
        said, _ = command.communicate(timeout=90)
    if command.returncode == 0:
        assert daemon.master != master
        assert f", pid {daemon.master}" in said.splitlines()[-1], said
    else:
        # At the very moment of the switch there may be nobody to hand over.
        assert (command.returncode, daemon.master) == (151, master), said
        assert "rolled back to the running version: " in said
    wait_until(lambda: daemon.is_serving(2))


@pytest.mark.fault(5)
def test_a_candidate_that_is_killed_is_rolled_back(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="5s", orphan_timeout="90s", maxconn=30))
    master = daemon.master
    with loaded(address) as requests:
        command = daemon.spawn("upgrade")
        wait_until(lambda: "watching it for" in daemon.log)
        more = requests.done + 20
        wait_until(lambda: requests.done > more)  # it has been given its part of the limit
        (candidate,) = {process.pid for process in daemon.processes() if "candidate" in process.cmdline()} & {
            process.ppid() for process in daemon.processes()
        }
        daemon.kill(candidate)
        assert command.wait(20) == 151
        assert daemon.master == master
    assert daemon.is_serving(2)
    wait_until(lambda: is_alone(daemon) and daemon.service()["open"] == 0)
    with Streams(address, 30) as streams:  # all that the limit allows
        wait_until(lambda: streams.exchanged >= 30 * 256 and daemon.service()["open"] == 30)


@pytest.mark.fault(10)
@pytest.mark.parametrize("kind", ["hub", "worker"])
def test_a_version_of_which_a_process_is_stopped_is_taken_back(daemon: Daemon, serve: Serve, kind: str) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="30s"))
    master = daemon.master
    command = daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log)
    daemon.kill(daemon.hub() if kind == "hub" else daemon.workers()[1], signal.SIGSTOP)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 151, said
    assert f"its {kind}" in said and "has been silent for 4 s" in said, said
    assert daemon.master == master
    with loaded(address):
        wait_until(lambda: daemon.is_serving(2))


def test_what_two_versions_that_were_taken_back_have_counts(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    text = config(address, serve, upgrade_probation="60s", maxconn=12)
    daemon.start(text)
    with ExitStack() as open_, Streams(address, 2) as first:
        taken = [first]
        for attempt in (1, 2):
            command = daemon.spawn("upgrade")
            wait_until(lambda attempt=attempt: daemon.log.count("watching it for") == attempt)  # type: ignore[misc]
            taken.append(streams := open_.enter_context(Streams(address, 4)))
            wait_until(lambda streams=streams: streams.exchanged >= 4 * 256)  # type: ignore[misc]
            for _ in range(2):  # a second death is one too many
                daemon.kill(daemon.hub())
            said, _ = command.communicate(timeout=60)
            assert (command.returncode, "rolled back" in said) == (151, True), said
        wait_until(lambda: daemon.service()["open"] == 10)
        with Streams(address, 2) as rest:  # nor does the limit forget any of them
            wait_until(lambda: daemon.service()["open"] == 12 and rest.exchanged >= 2 * 256)
            with connect(address):
                wait_until(lambda: daemon.service()["queued"] == 1)
            daemon.reload(text.replace('probation="60s"', 'probation="0.3s"'))
            upgrade(daemon)
            wait_until(lambda: daemon.service()["open"] == 12)
    assert [streams.broken for streams in taken] == [{}, {}, {}]


def test_nothing_is_missing_of_what_a_version_counted_that_was_taken_back_as_its_hub_died(
    daemon: Daemon, serve: Serve
) -> None:
    address, one = free_address(), serve()
    daemon.start(one_service(address, host("a", one.address), upgrade_probation="60s"))
    with ShortRequests(address) as requests:
        command = daemon.spawn("upgrade")
        wait_until(lambda: "watching it for" in daemon.log)
        for _ in range(2):
            more, hub = requests.done + 20, daemon.hub()
            wait_until(lambda more=more: requests.done > more)  # type: ignore[misc]
            daemon.kill(hub)
        said, _ = command.communicate(timeout=60)
        assert (command.returncode, "rolled back" in said) == (151, True), said
    assert requests.failures == []
    wait_until(lambda: daemon.host("a")["total"] == one.accepted and is_alone(daemon))


def test_a_hub_killed_while_its_generation_retires_comes_back_and_counts_on(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve, maxconn=12))
    hub = daemon.hub()
    with Streams(address, 5) as staying:
        with Streams(address, 7) as leaving:
            wait_until(lambda: daemon.service()["open"] == 12)
            upgrade(daemon)
            daemon.kill(hub)
            wait_until(lambda: len(daemon.pids()) == 8 and hub not in daemon.pids())
            exchanged = leaving.exchanged
            wait_until(lambda: leaving.exchanged > exchanged)
        wait_until(lambda: daemon.service()["open"] == 5)
        with Streams(address, 7) as again:  # the room of those that have left
            wait_until(lambda: again.exchanged >= 7 * 256 and daemon.service()["open"] == 12)
    assert (staying.broken, leaving.broken, again.broken) == ({}, {}, {})
    wait_until(lambda: is_alone(daemon) and daemon.service()["open"] == 0)
    wait_until(lambda: daemon.service()["total"] == 5 + 7 + 7)


def test_no_total_falls_when_a_hub_dies_whose_generation_retires_and_of_which_a_worker_has_ended(
    daemon: Daemon, serve: Serve
) -> None:
    address = free_address()
    daemon.start(config(address, serve))
    hub, ending = daemon.hub(), daemon.workers()[0]
    with ExitStack() as leaving, ExitStack() as staying:
        ports: dict[int, Streams] = {}
        while not {daemon.owners().get(port) for port in ports} >= set(daemon.workers().values()):
            streams = Streams(address, 1)
            ports.update(dict.fromkeys(streams.alive, streams))
        for port, streams in ports.items():
            (leaving if daemon.owners()[port] == ending else staying).enter_context(streams)
        upgrade(daemon)
        exchanged = sum(streams.exchanged for streams in ports.values())
        wait_until(lambda: sum(streams.exchanged for streams in ports.values()) > exchanged + 100_000)
        leaving.close()
        wait_until(lambda: ending not in daemon.pids())
        told = [daemon.service()["bytes_in"]]
        daemon.kill(hub)
        wait_until(lambda: told.append(daemon.service()["bytes_in"]) or told[-1] > told[0] + 10_000)  # type: ignore[func-returns-value]
    assert told == sorted(told)


def test_nothing_is_missing_of_a_generation_that_ended_while_no_hub_was_there_to_count_it(
    daemon: Daemon, serve: Serve
) -> None:
    address, data = free_address(), os.urandom(100_000)
    daemon.start(config(address, serve))
    with connect(address, 20) as client:
        wait_until(lambda: daemon.service()["open"] == 1)
        upgrade(daemon)
        for _ in range(2):  # the next one after the second is not there at once
            daemon.kill(daemon.hub())
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == data
    wait_until(lambda: is_alone(daemon))
    assert daemon.service()["bytes_in"] == len(data)


def test_a_hub_killed_after_the_folder_of_its_generation_was_removed_comes_back_and_counts_on(
    daemon: Daemon, serve: Serve
) -> None:
    address = free_address()
    daemon.start(config(address, serve))
    hub = daemon.hub()
    with Streams(address, 5) as staying:
        with Streams(address, 7) as leaving:
            wait_until(lambda: leaving.exchanged >= 7 * 256)
            upgrade(daemon)
            shutil.rmtree(daemon.run_dir)
            wait_until(lambda: daemon.pid_file.exists() and daemon.service()["open"] == 12)
            daemon.kill(hub)
            wait_until(lambda: len(daemon.pids()) == 8 and hub not in daemon.pids())
        wait_until(lambda: daemon.service()["open"] == 5)
    assert staying.broken == {}
    wait_until(lambda: is_alone(daemon) and daemon.service()["open"] == 0)


def test_log_files_moved_away_in_probation_are_left_by_both_generations(daemon: Daemon, serve: Serve) -> None:
    daemon.start(config(free_address(), serve, upgrade_probation="15s"))
    moved = daemon.log_file.with_suffix(".1")

    def writers() -> set[str]:
        """Those who have it open still."""
        return {file.path for one in daemon.processes() for file in one.open_files() if file.path == str(moved)}

    command = daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log)
    for ask in (lambda: os.kill(daemon.master, signal.SIGUSR1), lambda: daemon.ctl("log-reopen")):
        daemon.log_file.rename(moved)
        ask()
        wait_until(lambda: daemon.log_file.exists() and not writers())
    assert command.wait(60) == 0
    assert "upgrade committed" in daemon.log


@pytest.mark.fault(10)
def test_an_old_master_that_is_stopped_in_probation_commits_when_it_goes_on(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve, upgrade_probation="2s"))
    master = daemon.master
    with loaded(address):
        command = daemon.spawn("upgrade")
        wait_until(lambda: "watching it for" in daemon.log)
        daemon.kill(master, signal.SIGSTOP)
        time.sleep(5)  # longer than any heartbeat is waited for
        daemon.kill(master, signal.SIGCONT)
        assert command.wait(60) == 0
    assert daemon.master != master


@pytest.mark.fault(21)
def test_a_stop_during_probation_stops_both(daemon: Daemon, serve: Serve) -> None:
    daemon.start(config(free_address(), serve, upgrade_probation="20s"))
    daemon.spawn("upgrade")
    wait_until(lambda: "watching it for" in daemon.log)
    daemon.stop()
    wait_until(lambda: not daemon.pids())
    assert daemon.directord("status").exit == 3


def test_a_stop_waits_for_generations_that_retire(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(config(address, serve, stop_timeout="1s"))
    master = daemon.master
    with connect(address) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        upgrade(daemon)

        def last() -> dict[str, Any]:
            found: dict[str, Any] = json.loads(daemon.ctl("--json", "status").out)["processes"][-1]
            return found

        elder = wait_until(lambda: (found := last())["open"] == 1 and found)  # it has told the new hub of it
        assert (elder["pid"], elder["state"]) == (master, "retiring")
        assert elder["generation"].startswith(f"g{master}-")
        assert 0 < elder["uptime_seconds"] < 3600
        (session,) = json.loads(daemon.ctl("--json", "sessions").out)["sessions"]
        assert (session["generation"], session["port"]) == (elder["generation"], client.getsockname()[1])
        assert session["session"] in daemon.ctl("sessions").out
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 60  # `drain-timeout` is ten minutes
        assert client.recv(1) == b""
    assert not daemon.pids()


@pytest.mark.fault(9)
@pytest.mark.parametrize("hub", ["its hub lives", "its hub, too"])
def test_a_master_killed_while_generations_retire_keeps_nobody_from_starting(
    daemon: Daemon, serve: Serve, hub: str
) -> None:
    address = free_address()
    daemon.start(config(address, serve, orphan_timeout="1s", stop_timeout="1s"))
    elder = daemon.master
    with Streams(address, 6) as streams:
        upgrade(daemon)
        killed = {daemon.master, daemon.hub()} if hub == "its hub, too" else {daemon.master}
        master = daemon.master
        daemon.kill(master, signal.SIGSTOP)  # or it would replace its hub
        for pid in sorted(killed, key=lambda pid: pid == master):  # it last: its hub ends with it
            daemon.kill(pid)
        wait_until(lambda: not killed & daemon.pids())
        status = daemon.directord("status")
        assert (status.exit, str(elder) in status.out) == (2, True), status.text
        assert daemon.ctl("status").exit == 7
        began = time.monotonic()
        daemon.start()
        assert time.monotonic() - began < 30  # `drain-timeout` is ten minutes
        upgrade(daemon)
        with ShortRequests(address) as requests:
            wait_until(lambda: requests.done > 10)
        assert requests.failures == []
        exchanged = streams.exchanged
        wait_until(lambda: streams.exchanged > exchanged + 1000)
        assert streams.broken == {}
        daemon.stop()
    assert not daemon.pids()
    assert daemon.directord("status").exit == 3


def test_usr2_upgrades_too_and_children_ignore_it(daemon: Daemon, serve: Serve) -> None:
    daemon.start(config(free_address(), serve))
    master = daemon.master
    for pid in daemon.workers().values():
        os.kill(pid, signal.SIGUSR2)
    os.kill(master, signal.SIGUSR2)
    wait_until(lambda: daemon.master != master)
    wait_until(lambda: is_alone(daemon))
    assert daemon.log.count("upgrade committed") == 1
