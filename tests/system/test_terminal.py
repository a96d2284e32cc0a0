"""At a terminal: a daemon in its foreground, and a stop that one watches."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from director.master.lock import probe
from tests.system.addresses import accepts, connect, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import DIRECTORCTL, Daemon
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.system.terminals import Terminal
from tests.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 60.0


@pytest.mark.fault(21)
@pytest.mark.parametrize(("key", "status"), [(b"\x03", 0), (b"\x1c", 0)], ids=["Ctrl-C", "Ctrl-\\"])
def test_a_resized_terminal_pauses_nothing_and_a_key_ends_all_at_once(
    daemon: Daemon, serve: Serve, key: bytes, status: int
) -> None:
    address = free_address()
    daemon.configure(one_service(address, host("a", serve().address), stop_timeout="60s"))
    with Terminal(daemon.command_line("start", "--foreground"), daemon.environment, daemon.folder) as terminal:
        wait_until(lambda: terminal.shows("directord: running, pid"), PATIENCE)
        with Streams(address, 4) as streams, ShortRequests(address) as requests:
            for rows in (24, 50, 10):
                terminal.resize(rows, 80)
                more = requests.done + 20
                wait_until(lambda more=more: requests.done > more, PATIENCE)  # type: ignore[misc]
            assert {worker["state"] for worker in daemon.stats()["workers"]} == {"serving"}
            assert streams.broken == {}
            assert requests.failures == []
        with connect(address) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            terminal.press(key)
            assert terminal.wait(PATIENCE) == status, terminal.screen
    wait_until(lambda: not daemon.pids())
    assert os.listdir(daemon.run_dir) == ["directord.lock"]
    assert not accepts(address)


@pytest.mark.parametrize("where", ["a terminal", "a pipe"])
def test_a_stop_tells_how_many_connections_it_waits_for(daemon: Daemon, serve: Serve, where: str) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), stop_timeout="60s"))
    clients = [connect(address) for _ in range(3)]
    for client in clients:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    command = daemon.command_line("stop")
    if where == "a pipe":
        command = ["sh", "-c", 'exec "$@" | cat', "sh", *command]
    with Terminal(command, daemon.environment, daemon.folder) as terminal:
        wait_until(lambda: terminal.shows("directord: 3 connections still open"), PATIENCE)
        clients[0].close()
        wait_until(lambda: terminal.shows("directord: 2 connections still open"), PATIENCE)
        clients[1].sendall(b"y")
        assert clients[1].recv(1) == b"y", "nothing is cut before its time"
        for client in clients[1:]:
            client.close()
        assert terminal.wait(PATIENCE) == 0
    assert terminal.screen.splitlines()[-1] == "directord: stopped"
    assert not daemon.pids()


def test_a_stop_tells_of_connections_of_generations_that_retire_too(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), stop_timeout="60s", upgrade_probation="0"))
    with connect(address) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert daemon.directord("upgrade").exit == 0
        with Terminal(daemon.command_line("stop"), daemon.environment, daemon.folder) as terminal:
            wait_until(lambda: terminal.shows("still open"), PATIENCE)
            assert terminal.shows("directord: 1 connection still open")
            client.close()
            assert terminal.wait(PATIENCE) == 0


def test_a_start_that_is_told_to_stop_says_so(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address)))
    starting = daemon.spawn("start")
    wait_until(lambda: "process started: kind=worker slot=1" in daemon.log, PATIENCE, every=0.002)
    stopped = daemon.directord("stop")
    assert stopped.exit == 0, stopped.text
    said, _ = starting.communicate(timeout=PATIENCE)
    # It may just have got ready.
    assert (starting.returncode, "told to stop" in said or "running" in said) in [(1, True), (0, True)], said
    wait_until(lambda: not daemon.pids())
    assert daemon.directord("status").exit == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_start_that_is_ended_at_its_very_first_moment_says_so_and_leaves_nothing(
    daemon: Daemon, serve: Serve, number: signal.Signals
) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address)))
    starting = daemon.spawn("start")
    named = wait_until(lambda: probe(str(daemon.run_dir / "directord.lock")).pid, PATIENCE, every=0.0005)
    os.kill(named, number)
    said, _ = starting.communicate(timeout=PATIENCE)
    # However quick we are, it may just have got ready.
    assert (starting.returncode, "told to stop" in said or "running" in said) in [(1, True), (0, True)], said
    wait_until(lambda: not daemon.pids(), PATIENCE)
    assert os.listdir(daemon.run_dir) == ["directord.lock"]


def test_a_start_that_is_killed_says_by_what(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address)))
    starting = daemon.spawn("start")
    daemon.kill(wait_until(lambda: probe(str(daemon.run_dir / "directord.lock")).pid, PATIENCE, every=0.0005))
    said, _ = starting.communicate(timeout=PATIENCE)
    expected = "directord: can't start: it was killed by signal 9 (Killed) without a word; see the log"
    assert (starting.returncode, expected in said) == (1, True) or "running" in said, said


def test_an_upgrade_tells_each_stage_when_it_comes(daemon: Daemon, serve: Serve) -> None:
    daemon.start(one_service(free_address(), host("a", serve().address), upgrade_probation="5s"))
    master = daemon.master
    with Terminal(daemon.command_line("upgrade"), daemon.environment, daemon.folder) as terminal:
        stages = ("checking the new version", "starting version ", " is ready, pid ", "watching it for 5 s")
        for stage in stages:
            wait_until(lambda stage=stage: terminal.shows(stage), PATIENCE)  # type: ignore[misc]
            assert terminal.process.poll() is None, "it is told while it goes on"
            assert daemon.master == master
        assert terminal.wait(PATIENCE) == 0, terminal.screen
    assert len(terminal.screen.splitlines()) == len(stages) + 1, "a line a stage, and the outcome"
    assert terminal.screen.splitlines()[-1].endswith(f", pid {daemon.master}")


def test_top_is_shown_on_a_line_that_does_not_tell_its_size(daemon: Daemon, serve: Serve) -> None:
    daemon.start(one_service(free_address(), host("a", serve().address)))
    environment = {**daemon.environment, "TERM": "vt100"}
    with Terminal([*DIRECTORCTL, "-s", str(daemon.socket), "top"], environment, daemon.folder) as terminal:
        wait_until(lambda: terminal.shows("web/main/a"), PATIENCE)
        terminal.press(b"q")
        assert terminal.wait(PATIENCE) == 0


def test_a_terminal_without_a_cursor_gets_no_top_and_no_codes(daemon: Daemon, serve: Serve) -> None:
    daemon.start(one_service(free_address(), host("a", serve().address)))
    environment, directorctl = {**daemon.environment, "TERM": "dumb"}, [*DIRECTORCTL, "-s", str(daemon.socket)]
    with Terminal([*directorctl, "top"], environment, daemon.folder) as terminal:
        assert terminal.wait(PATIENCE) == 2
        assert "can't show top" in terminal.screen and "stats --watch" in terminal.screen
    with Terminal([*directorctl, "hosts", "--watch", "--every", "0.1"], environment, daemon.folder) as terminal:
        wait_until(lambda: terminal.shows("up") and terminal.screen.count("HOST") > 1, PATIENCE)
        assert "\x1b" not in terminal.screen


def test_a_drain_that_is_waited_for_shows_a_bar_until_nobody_is_left(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), host("b", serve().address), scheduler="first"))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address, PATIENCE)) for _ in range(4)]
        for client in clients:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        wait_until(lambda: daemon.host("a")["open"] == 4, PATIENCE)
        command = [*DIRECTORCTL, "-s", str(daemon.socket), "host-drain", "web", "main", "a", "--wait"]
        environment = {**daemon.environment, "TERM": "xterm", "COLUMNS": "100"}
        with Terminal(command, environment, daemon.folder) as terminal:
            terminal.resize(24, 100)
            wait_until(lambda: terminal.shows("host 'a' of web/main is draining"), PATIENCE)
            wait_until(lambda: terminal.shows("0/4"), PATIENCE)
            for gone, client in enumerate(clients[:-1], 1):
                client.close()
                wait_until(lambda gone=gone: terminal.shows(f"{gone}/4"), PATIENCE)  # type: ignore[misc]
                assert terminal.process.poll() is None, "it waits for all"
            clients[-1].close()
            assert terminal.wait(PATIENCE) == 0, terminal.screen
    assert "web/main/a is drained: 4 ended by themselves, 0 were closed" in terminal.screen
    assert terminal.screen.rindex("\x1b[?25h") > terminal.screen.rindex("\x1b[?25l"), "the cursor is there again"
