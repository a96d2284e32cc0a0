"""From nothing to serving and back, and what each command exits with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from tests.system.addresses import accepts, connect, free_address, listen
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon, Result
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

Serve = Callable[..., Host]


def simple(address: str, to: Host, **attributes: object) -> str:
    return director(service(address, group(host("a", to.address))), **attributes)


def test_start_returns_once_every_worker_serves(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), workers=3))
    assert daemon.is_serving(3)
    with ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 20)
    assert requests.failures == []
    assert requests.slowest < 1


def test_the_pid_file_holds_the_pid_and_a_newline(daemon: Daemon, serve: Serve) -> None:
    daemon.start(simple(free_address(), serve()))
    assert daemon.pid_file.read_bytes() == b"%d\n" % daemon.stats()["pid"]
    assert daemon.pid_file.stat().st_mode & 0o777 == 0o644


def test_a_pid_file_can_be_anywhere(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(simple(free_address(), serve()))
    elsewhere = daemon.folder / "my.pid"
    assert daemon.directord("start", "--pid-file", str(elsewhere)).exit == 0
    assert elsewhere.read_bytes() == b"%d\n" % daemon.stats()["pid"]
    assert daemon.directord("--pid-file", str(elsewhere), "stop").exit == 0
    assert not elsewhere.exists()


def test_a_pid_file_that_cannot_be_written_is_said_and_nothing_is_started(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(simple(free_address(), serve()))
    nowhere = daemon.folder / "missing" / "my.pid"
    refused = daemon.directord("start", "--pid-file", str(nowhere))
    assert (refused.exit, refused.out) == (1, "")
    assert f"can't write pid file {nowhere}: No such file or directory" in refused.err
    assert not daemon.pids()


def test_start_when_running_is_done_already(daemon: Daemon, serve: Serve) -> None:
    daemon.start(simple(free_address(), serve()))
    master = daemon.master
    again = daemon.directord("start")
    assert again.exit == 0
    assert "already running" in again.text
    assert daemon.master == master


@pytest.mark.fault(20)
def test_of_two_starts_at_once_one_runs(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.configure(simple(address, serve(), workers=1))
    for turn in range(20):
        both = [daemon.spawn("start"), daemon.spawn("start")]
        outputs = [one.communicate(timeout=60)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], (turn, outputs)
        assert sum("already running" in text for text in outputs) == 1, (turn, outputs)
        # Master, hub, worker and, once the one that lost is gone, nobody else.
        wait_until(lambda: len(daemon.pids()) == 3, 60)
        master = daemon.master
        assert master in daemon.pids()
        assert all(f"pid {master}" in text for text in outputs), (turn, outputs)
        daemon.kill(master, signal.SIGINT)
        wait_until(lambda: not daemon.pids(), 60)


def test_the_daemon_keeps_no_descriptor_of_whoever_started_it(daemon: Daemon, serve: Serve) -> None:
    """As `flock LOCK directord start` in a script would give it: the lock would be held for as long as it lives."""
    daemon.configure(simple(free_address(), serve()))
    with open(daemon.folder / "theirs", "w") as theirs:
        command = daemon.command_line("start")
        subprocess.run(command, env=daemon.environment, pass_fds=[theirs.fileno()], check=True, timeout=60)
    for pid in daemon.pids():
        held = [file.path for file in psutil.Process(pid).open_files()]
        assert theirs.name not in held, pid
    assert daemon.is_serving(2)


def test_a_start_while_another_stops_is_a_new_director(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="60s"))
    master = daemon.master
    with Streams(address, 2) as streams:
        stop = daemon.spawn("stop")
        wait_until(lambda: not accepts(address))
        start = daemon.spawn("start")
        exchanged = streams.exchanged + 10_000
        wait_until(lambda: streams.exchanged > exchanged)
        assert start.poll() is None
    said, _ = start.communicate(timeout=60)
    assert (start.returncode, "already" in said) == (0, False), said
    assert stop.wait(60) == 0
    assert daemon.master != master
    assert daemon.is_serving(2)


def test_whatever_somebody_has_removed_it_is_known_to_run_and_can_be_stopped(daemon: Daemon, serve: Serve) -> None:
    daemon.start(simple(free_address(), serve()))
    master = daemon.master
    daemon.pid_file.unlink()
    again = daemon.directord("start")
    assert (again.exit, f"already running, pid {master}" in again.text) == (0, True), again.text
    (daemon.run_dir / "directord.lock").unlink()
    assert daemon.directord("status").exit == 0
    daemon.stop()
    assert not daemon.pids()
    daemon.start()


def test_folders_that_somebody_has_removed_are_there_again(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    master, workers = daemon.master, daemon.workers()
    with Streams(address, 4) as streams, ShortRequests(address) as requests:
        shutil.rmtree(daemon.run_dir)
        shutil.rmtree(daemon.state_dir)
        wait_until(lambda: daemon.directord("status").exit == 0, timeout=30)
        wait_until(daemon.pid_file.exists)
        assert (daemon.master, daemon.workers()) == (master, workers)
        assert f"already running, pid {master}" in daemon.directord("start").text
        assert daemon.ctl("host-down", "web", "main", "a", "--force").exit == 0
        wait_until(lambda: daemon.agrees(2))
        assert daemon.ctl("host-up", "web", "main", "a").exit == 0
        assert daemon.ctl("host-weight", "web", "main", "a", "7").exit == 0
        exchanged, done = streams.exchanged + 1000, requests.done + 10
        wait_until(lambda: streams.exchanged > exchanged and requests.done > done)
    assert streams.broken == {}
    daemon.stop()
    assert not daemon.pids()
    daemon.start()
    assert daemon.host("a")["weight"] == 7


def test_a_unix_socket_that_somebody_has_removed_is_there_again_and_drops_nobody(daemon: Daemon, serve: Serve) -> None:
    path = daemon.folder / "web.sock"
    daemon.start(simple(f"unix:{path}", serve()))
    workers = daemon.workers()

    def asked() -> socket.socket:
        client = connect(f"unix:{path}")
        client.sendall(b"hello")
        return client

    open_ = asked()
    assert open_.recv(5) == b"hello"
    for pid in workers.values():
        daemon.kill(pid, signal.SIGSTOP)
    try:
        waiting = [asked() for _ in range(5)]
        path.unlink()
        wait_until(path.exists)
    finally:
        for pid in workers.values():
            daemon.kill(pid, signal.SIGCONT)
    open_.sendall(b"again")
    late = asked()
    for client, answer in ((open_, b"again"), (late, b"hello"), *((one, b"hello") for one in waiting)):
        assert client.recv(5) == answer
        client.close()
    assert daemon.workers() == workers
    assert f"daemon repaired: path={path}" in daemon.log
    daemon.stop()
    assert not path.exists()


def test_whom_a_master_leaves_is_known_though_its_folder_was_removed(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    with Streams(address, 2):
        shutil.rmtree(daemon.run_dir)
        wait_until(daemon.pid_file.exists)
        wait_until(lambda: daemon.agrees(2))
        daemon.kill(daemon.master)
        wait_until(lambda: daemon.directord("status").exit == 2, timeout=30)
    wait_until(lambda: not daemon.pids(), timeout=30)
    daemon.start()


def test_status_of_a_running_director_is_0_and_has_a_line_for_each_process(daemon: Daemon, serve: Serve) -> None:
    daemon.start(simple(free_address(), serve()))
    status = daemon.directord("status")
    assert status.exit == 0
    for pid in daemon.pids():
        assert str(pid) in status.out


def test_status_of_a_stopped_director_is_3(daemon: Daemon, serve: Serve) -> None:
    assert daemon.directord("status").exit == 3
    daemon.start(simple(free_address(), serve()))
    daemon.stop()
    assert daemon.directord("status").exit == 3


@pytest.mark.fault(19)
def test_status_tells_a_dead_master_with_orphans_from_one_without(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    with Streams(address, 4) as streams:
        daemon.kill(daemon.master)
        wait_until(lambda: daemon.directord("status").exit == 2)
        assert streams.broken == {}
    wait_until(lambda: not daemon.pids())
    assert daemon.directord("status").exit == 1
    assert daemon.pid_file.exists()


@pytest.mark.fault(19)
def test_a_stale_pid_file_with_a_strangers_pid_harms_nobody(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(simple(free_address(), serve()))
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        daemon.run_dir.mkdir(mode=0o700)
        daemon.pid_file.write_text(f"{stranger.pid}\n")
        assert daemon.directord("status").exit == 1
        assert daemon.directord("stop").exit == 0
        assert daemon.directord("status").exit == 3
        daemon.pid_file.write_text(f"{stranger.pid}\n")
        assert daemon.directord("start").exit == 0
        assert daemon.master != stranger.pid
        daemon.stop()
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


WRONG = """<director workers="many">
  <service name="web">
    <listen ip="127.0.0.1:99999"/>
    <group name="main" scheduler="leastcons">
      <host name="a" ip="127.0.0.1:1"/>
      <host name="a" ip="127.0.0.1:2"/>
    </group>
    <enable group="mian"/>
  </service>
</director>
"""


def assert_tells_all_that_is_wrong(text: str) -> None:
    for line in (1, 3, 4, 6, 8):
        assert f"config.xml:{line}: " in text, f"line {line} in:\n{text}"
    assert "leastconns" in text and "main" in text, "the nearest match"


def test_a_bad_config_exits_78_with_everything_that_is_wrong(daemon: Daemon) -> None:
    daemon.configure(WRONG)
    done = daemon.directord("start")
    assert done.exit == 78
    assert_tells_all_that_is_wrong(done.text)
    assert not daemon.pids()
    assert not daemon.pid_file.exists()


def test_check_tells_everything_that_is_wrong(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(WRONG)
    done = daemon.directord("check")
    assert done.exit == 78
    assert_tells_all_that_is_wrong(done.text)
    good = daemon.folder / "good.xml"
    good.write_text(simple(free_address(), serve()))
    assert daemon.directord("check", str(good)).exit == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("listen = 80", id="not XML"),
        pytest.param("<director/>" * 2, id="two roots"),
        pytest.param("<a>" * 1_000_000 + "</a>" * 1_000_000, id="a million elements deep"),
        pytest.param(
            '<!DOCTYPE d [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><director>&b;</director>',
            id="entities",
        ),
        pytest.param('<!DOCTYPE d [<!ENTITY a SYSTEM "/etc/passwd">]><director>&a;</director>', id="another file"),
    ],
)
def test_what_is_no_config_is_refused_quickly(daemon: Daemon, text: str) -> None:
    daemon.configure(text)
    began = time.monotonic()
    done = daemon.directord("check")
    assert done.exit == 78
    assert "config.xml:" in done.text
    assert "root:" not in done.text
    assert "Traceback" not in done.text
    assert time.monotonic() - began < 60  # most of it starts an interpreter


def test_a_missing_config_is_a_bad_config(daemon: Daemon) -> None:
    done = daemon.directord("start")
    assert done.exit == 78
    assert "config.xml" in done.text


@pytest.mark.parametrize("words", [("fly",), (), ("start", "--sideways"), ("check", "a", "b")])
def test_bad_arguments_exit_2(daemon: Daemon, words: tuple[str, ...]) -> None:
    assert daemon.directord(*words).exit == 2


def test_who_mistypes_is_told_only_of_commands_for_people(daemon: Daemon) -> None:
    said = daemon.directord("chekc").err
    assert "'check'" in said
    assert "candidate" not in said and "preflight" not in said


def test_an_address_in_use_fails_the_start_and_leaves_nothing(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.configure(simple(address, serve()))
    with listen(address):
        done = daemon.directord("start")
    assert done.exit == 1
    assert address in done.text
    wait_until(lambda: not daemon.pids())
    assert not daemon.pid_file.exists()
    daemon.start()


def test_stop_when_not_running_is_done_already(daemon: Daemon) -> None:
    assert daemon.directord("stop").exit == 0


def test_stop_leaves_only_the_lock(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    with ShortRequests(address) as requests:
        wait_until(lambda: requests.done)
    daemon.stop()
    assert not daemon.pids()
    assert os.listdir(daemon.run_dir) == ["directord.lock"]
    assert not accepts(address)


def test_stop_waits_for_connections_to_finish(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="30s"))
    with Streams(address, 6) as streams:
        stop = daemon.spawn("stop")
        wait_until(lambda: not accepts(address))
        before = streams.exchanged
        wait_until(lambda: streams.exchanged > before + 10_000)
        assert stop.poll() is None
        assert streams.broken == {}
    assert stop.wait(timeout=10) == 0
    assert not daemon.pids()


def test_stop_closes_what_outlasts_the_stop_timeout(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="0.5s"))
    with Streams(address, 4) as streams:
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 25
        wait_until(lambda: len(streams.broken) == 4)
    assert not daemon.pids()


@pytest.mark.fault(9)
def test_stop_ends_what_a_dead_master_left(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="1s", orphan_timeout="60s"))
    with Streams(address, 4) as streams:
        daemon.kill(daemon.master)
        wait_until(lambda: daemon.directord("status").exit == 2)
        assert streams.broken == {}
        daemon.stop()
        assert not daemon.pids()
    assert daemon.directord("status").exit == 3


def test_who_names_another_config_than_the_daemon_runs_with_is_told(daemon: Daemon, serve: Serve) -> None:
    text = simple(free_address(), serve())
    daemon.start(text)
    runs_with, daemon.config_file = daemon.config_file, daemon.folder / "other.xml"
    daemon.configure(text)
    for command, exit in (("reload", 1), ("upgrade", 150), ("start", 0), ("status", 0)):
        done = daemon.directord(command)
        assert done.exit == exit, f"{command}: {done}"
        assert f"the daemon runs with {runs_with}, not with {daemon.config_file}" in done.err, f"{command}: {done}"
    link = daemon.folder / "link.xml"
    link.symlink_to(runs_with)
    daemon.config_file = link
    assert daemon.directord("reload") == Result(0, "nothing to change\n", "")
    daemon.config_file = daemon.folder / "other.xml"
    done = daemon.directord("restart")
    assert (done.exit, done.err) == (0, "")
    assert daemon.directord("reload").exit == 0
    done = daemon.directord("stop", "--config", str(runs_with))
    assert done.exit == 0 and "not with" in done.err


def test_stop_works_with_a_broken_config_file(daemon: Daemon, serve: Serve) -> None:
    daemon.start(simple(free_address(), serve()))
    daemon.configure("<broken")
    assert daemon.directord("status").exit == 0
    daemon.stop()


def test_reload_when_not_running_exits_7(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(simple(free_address(), serve()))
    assert daemon.directord("reload").exit == 7


@pytest.mark.fault(21)
def test_term_is_graceful_and_a_second_one_fast(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="60s"))
    with Streams(address, 4) as streams:
        master = daemon.master
        daemon.kill(master, signal.SIGTERM)
        wait_until(lambda: not accepts(address))
        before = streams.exchanged
        wait_until(lambda: streams.exchanged > before + 10_000)
        assert streams.broken == {}
        os.kill(master, signal.SIGTERM)
        wait_until(lambda: not daemon.pids(), timeout=6)
        wait_until(lambda: len(streams.broken) == 4)


@pytest.mark.fault(21)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_int_and_quit_are_fast(daemon: Daemon, serve: Serve, number: signal.Signals) -> None:
    address = free_address()
    daemon.start(simple(address, serve(), stop_timeout="60s"))
    with Streams(address, 4):
        daemon.kill(daemon.master, number)
        wait_until(lambda: not daemon.pids(), timeout=6)
    assert os.listdir(daemon.run_dir) == ["directord.lock"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT])
def test_children_ignore_the_signals_of_the_master(daemon: Daemon, serve: Serve, number: signal.Signals) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    children = daemon.pids() - {daemon.master}
    with Streams(address, 4) as streams:
        for pid in children:
            daemon.kill(pid, number)
        before = streams.exchanged
        wait_until(lambda: streams.exchanged > before + 10_000)
        assert streams.broken == {}
    assert daemon.pids() - {daemon.master} == children


def test_restart_is_a_new_director(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(simple(address, serve()))
    before = daemon.pids()
    assert daemon.directord("restart").exit == 0
    assert not daemon.pids() & before
    assert daemon.is_serving(2)


def test_in_the_foreground_it_logs_to_stderr_and_ends_with_0(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    text = director(service(address, group(host("a", serve().address))))
    daemon.configure(text.replace('<logging file="director.log" level="debug"/>', ""))
    foreground = daemon.spawn("start", "--foreground")
    wait_until(daemon.pid_file.exists, timeout=20)
    with ShortRequests(address) as requests:
        wait_until(lambda: requests.done > 10)
    assert requests.failures == []
    foreground.send_signal(signal.SIGTERM)
    output, _ = foreground.communicate(timeout=20)
    assert foreground.returncode == 0
    assert "worker" in output
    assert not daemon.pids()


def test_version_and_help(daemon: Daemon) -> None:
    assert daemon.directord("--version").exit == 0
    shown = daemon.directord("-h")
    assert shown.exit == 0
    for command in ("start", "stop", "reload", "status", "check", "demo"):
        assert command in shown.out


@pytest.mark.parametrize("full", [False, True])
def test_what_is_said_to_nobody_is_no_failure(daemon: Daemon, serve: Serve, full: bool) -> None:
    daemon.configure(simple(free_address(), serve()))
    read, write = os.pipe()
    os.close(read)
    if full:
        os.close(write)
        write = os.open("/dev/full", os.O_WRONLY)
    for words in (["check", str(daemon.config_file)], ["start"], ["status"], ["reload"], ["stop"], ["start", "--help"]):
        done = subprocess.run(
            daemon.command_line(*words), env=daemon.environment, stdout=write, stderr=subprocess.PIPE, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), words
    os.close(write)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["start", "start --foreground"])
def test_it_starts_also_where_standard_descriptors_are_closed(
    daemon: Daemon, serve: Serve, closed: str, words: str
) -> None:
    address = free_address()
    daemon.configure(simple(address, serve()))
    command = ["sh", "-c", f'exec "$@" {words} {closed}', "sh", *daemon.command_line()]
    with subprocess.Popen(command, env=daemon.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
        wait_until(daemon.socket.exists)
        wait_until(lambda: daemon.is_serving(2))
        assert accepts(address)
        daemon.stop()
        assert it.wait(timeout=30) == 0
