"""`directorctl` against a running director: what it changes, what it refuses, what it exits with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from control.cli import main
from control.commands.command import DRY_RUN, Names
from control.commands.table import COMMANDS
from tests.system.addresses import ask_name, connect, free_address, read_line
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


@pytest.fixture
def address(daemon: Daemon, hosts: Hosts) -> str:
    """A service `web` with a and b in its group `main`, c in `next`, over two workers."""
    listen = free_address()
    a, b, c = hosts("a", "b", "c")
    main = group(host("a", a.address), host("b", b.address))
    daemon.start(director(service(listen, main, group(host("c", c.address), name="next"))))
    return listen


def answers(address: str) -> set[str]:
    return {ask_name(address) for _ in range(12)}


def test_a_host_that_is_down_gets_nothing_new_and_keeps_what_it_has(daemon: Daemon, address: str) -> None:
    clients = [connect(address) for _ in range(8)]
    names = [read_line(client) for client in clients]
    assert set(names) == {"a", "b"}
    done = daemon.ctl("host-down", "web", "main", "a", "--reason", "new disk")
    assert done.exit == 0
    assert "applied by 2 of 2 workers" in done.out
    assert answers(address) == {"b"}
    for client in clients:
        with client:
            client.sendall(b"still here\n")
            assert read_line(client) == "still here"
    told = daemon.host("a")
    assert (told["state"], told["reason"]) == ("maint", "new disk")
    assert daemon.ctl("host-up", "web", "main", "a").exit == 0
    assert answers(address) == {"a", "b"}


def test_what_is_so_already_is_done_and_said(daemon: Daemon, address: str) -> None:
    assert daemon.ctl("host-down", "web", "main", "a").exit == 0
    again = daemon.ctl("host-down", "web", "main", "a")
    assert again.exit == 0
    assert "already" in again.out
    assert daemon.ctl("host-up", "web", "main", "b").exit == 0


def test_the_last_usable_host_stays_unless_forced(daemon: Daemon, address: str) -> None:
    assert daemon.ctl("host-down", "web", "main", "a").exit == 0
    refused = daemon.ctl("host-down", "web", "main", "b")
    assert refused.exit == 1
    assert "--force" in refused.err
    assert answers(address) == {"b"}
    assert daemon.ctl("host-down", "web", "main", "b", "--force").exit == 0
    assert daemon.host("b")["state"] == "maint"


def test_another_group_is_enabled_and_back(daemon: Daemon, address: str) -> None:
    assert daemon.ctl("group-enable", "web", "next").exit == 0
    assert answers(address) == {"c"}
    assert daemon.ctl("group-enable", "web", "main").exit == 0
    assert answers(address) == {"a", "b"}


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("host-down", "wed", "main", "a"), "web"),
        (("host-down", "web", "mian", "a"), "main"),
        (("host-up", "web", "main", "bb"), "b"),
        (("group-enable", "web", "nex"), "next"),
    ],
)
def test_an_unknown_name_exits_1_with_the_nearest(
    daemon: Daemon, address: str, words: tuple[str, ...], nearest: str
) -> None:
    done = daemon.ctl(*words)
    assert done.exit == 1
    assert f"{nearest}" in done.err
    assert done.out == ""


@pytest.mark.parametrize("words", [("hots",), ("host-down", "web"), ("stats", "--sideways"), ("version", "now")])
def test_a_wrong_command_exits_2(daemon: Daemon, address: str, words: tuple[str, ...]) -> None:
    assert daemon.ctl(*words).exit == 2


GOOD = {
    **{"service": "web", "group": "main", "host": "a", "ip": "127.0.0.1:1", "scheduler": "random", "name": "eve"},
    **{"access": "full", "weight": "1", "maxconn": "1", "count": "1", "number": "1", "session": "0-1", "level": "info"},
    **{"what": "web/main/a", "subsystem": "host", "shell": "bash"},
}
BAD = "no/such thing!"
ANY_TEXT = {"reason", "generation"}  # may be anything, or is only looked for
LOCAL = {"top", "password-hash", "help"}  # take no value, or a command's name


LISTED = {"level", "access", "shell"}  # words of a short list


def bad_values() -> Iterator[tuple[list[str], int]]:
    """Every command with one bad value, once for each value that it takes, and how it exits."""
    for row in COMMANDS:
        if row.name in LOCAL:
            continue
        required = [GOOD[one.name] for one in row.arguments if one.required]
        # What can't be written is seen by writing it.
        also = ["--dry-run"] * (DRY_RUN in row.options and row.name != "config-save")
        also += ["--password", "$6$salt$hash"] * (row.name == "user-add")
        for at, one in enumerate(row.arguments):
            if one.names is not Names.CLIENT:
                before = [GOOD[earlier.name] for earlier in row.arguments[:at]]
                yield [row.name, *before, BAD, *required[at + 1 :], *also], 2 if one.name in LISTED else 1
        chosen = ["web"] * (row.name == "explain")
        for option in row.options:
            if not option.flag and option.name not in ANY_TEXT:
                about = [] if option.name == "session" else chosen
                words = [row.name, *required, *about, *also, f"--{option.name}", BAD]
                yield words, 2 if option.choices else 1


def test_a_value_that_is_not_right_exits_1_and_an_unknown_word_2_with_a_reason_and_nothing_is_changed(
    daemon: Daemon, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = daemon.command("config-running")
    for words, status in bad_values():
        assert main(["--socket", str(daemon.socket), *words]) == status, words
        said = capsys.readouterr()
        assert said.err and "internal error" not in said.err, words
        assert not said.out, words
    assert daemon.command("config-running") == before
    assert daemon.command("journal") == {"changes": []}


def test_without_a_daemon_it_exits_7(daemon: Daemon) -> None:
    assert daemon.ctl("status").exit == 7


@pytest.mark.parametrize("words", [(), ("help",)])
def test_help_lists_the_commands(daemon: Daemon, words: tuple[str, ...]) -> None:
    done = daemon.ctl(*words)
    assert done.exit == 0
    for command in ("status", "stats", "hosts", "host-down", "host-up", "group-enable", "reload", "stop", "workers"):
        assert any(line.split()[:1] == [command] for line in done.out.splitlines()), command


@pytest.mark.parametrize(
    "words",
    [("status",), ("stats",), ("hosts",), ("hosts", "web"), ("hosts", "web", "main"), ("workers",), ("version",)],
)
def test_json_is_one_document(daemon: Daemon, address: str, words: tuple[str, ...]) -> None:
    done = daemon.ctl("--json", *words)
    assert done.exit == 0
    json.loads(done.out)
    plain = daemon.ctl(*words)
    assert plain.exit == 0
    assert plain.out.strip()


def test_the_statistics_have_the_keys_that_were_promised(daemon: Daemon, address: str) -> None:
    answers(address)
    stats = json.loads(daemon.ctl("--json", "stats").out)
    assert {"version", "generation", "pid", "uptime_seconds", "workers", "services"} <= set(stats)
    assert stats["pid"] == daemon.master
    assert len(stats["workers"]) == 2
    for worker in stats["workers"]:
        assert {
            "slot", "pid", "generation", "state", "open", "total", "rss_bytes", "cpu_seconds", "loop_lag_ms",
            "state_age_ms",
        } <= set(worker)  # fmt: skip
        assert worker["rss_bytes"] > 1 << 20
    (web,) = stats["services"]
    assert {
        "name", "listen", "enabled_group", "open", "total", "peak", "maxconn", "queued", "refused", "bytes_in",
        "bytes_out", "groups",
    } <= set(web)  # fmt: skip
    assert web["listen"] == [address]
    assert [(group["name"], group["enabled"]) for group in web["groups"]] == [("main", True), ("next", False)]
    for group_ in web["groups"]:
        for host_ in group_["hosts"]:
            assert {
                "name", "ip", "state", "weight", "maxconn", "open", "total", "peak", "queued", "bytes_in", "bytes_out",
                "faults", "connect_ms_p50", "connect_ms_p99", "since", "reason", "by", "next_check_seconds",
            } <= set(host_)  # fmt: skip


def test_the_statistics_count_what_was_done_within_a_second(daemon: Daemon, address: str) -> None:
    with connect(address) as client:
        name = read_line(client)
        wait_until(lambda: daemon.host(name)["open"] == 1, timeout=3)
        client.sendall(b"12345\n")
        assert read_line(client) == "12345"
        wait_until(lambda: daemon.host(name)["bytes_in"] == 6, timeout=3)
        wait_until(lambda: daemon.host(name)["bytes_out"] == 8, timeout=3)
    wait_until(lambda: daemon.host(name)["open"] == 0, timeout=3)
    told = daemon.host(name)
    assert (told["total"], told["peak"]) == (1, 1)
    assert daemon.service()["total"] == 1


def test_what_an_operator_changed_survives_a_reload(daemon: Daemon, address: str) -> None:
    assert daemon.ctl("host-down", "web", "main", "a").exit == 0
    assert daemon.directord("reload").exit == 0
    assert answers(address) == {"b"}


def test_stop_by_directorctl(daemon: Daemon, address: str) -> None:
    assert daemon.ctl("stop").exit == 0
    wait_until(lambda: not daemon.pids())


def test_the_socket_can_be_named_by_the_environment(daemon: Daemon, address: str) -> None:
    daemon.environment["DIRECTOR_SOCKET"] = str(daemon.socket)
    assert daemon.ctl("version").exit == 0
