"""Starts at the same instant, stops in time, clocks that step, a kernel that gives no process."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.addresses import ask_name, connect, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import Daemon
from tests.system.halting import stop_a_worker, stop_and_see_who_lives
from tests.system.hosts import Host, Named
from tests.system.load import ShortRequests, Streams
from tests.system.peers import need, need_root
from tests.system.silence import clients_fall_silent, clients_vanish
from tests.waiting import wait_until

Serve = Callable[..., Host]
PATIENCE = 60.0
SLACK = 3.0  # seconds beyond what was promised, on a busy machine


@pytest.mark.fault(20)
def test_of_two_starts_at_the_same_instant_one_runs_two_hundred_times(daemon: Daemon, serve: Serve) -> None:
    daemon.configure(one_service(free_address(), host("a", serve().address), workers=1))
    for turn in range(200):
        both = [daemon.spawn("start") for _ in range(2)]
        said = [one.communicate(timeout=PATIENCE)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], (turn, said)
        assert sum("already running" in text for text in said) == 1, (turn, said)
        pid = daemon.master
        assert all(f"pid {pid}" in text for text in said), (turn, said, pid)
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: not daemon.pids(), PATIENCE)


@pytest.mark.fault(10)
def test_a_worker_that_is_stopped_for_half_a_minute_is_covered_and_goes_on(daemon: Daemon, serve: Serve) -> None:
    stop_a_worker(daemon, serve, worker_timeout=15)


@pytest.mark.fault(10)
@pytest.mark.parametrize("who", ["the master", "the hub", "everybody"])
def test_after_a_stop_of_a_minute_nobody_is_murdered(daemon: Daemon, serve: Serve, who: str) -> None:
    stop_and_see_who_lives(daemon, serve, who, seconds=60)


@pytest.mark.fault(15)
@pytest.mark.parametrize("ending", [clients_fall_silent, clients_vanish])
def test_two_thousand_clients_that_end_without_a_word_leave_nothing(
    daemon: Daemon, serve: Serve, ending: Callable[[Daemon, Serve, int], None]
) -> None:
    need_root()
    ending(daemon, serve, 2000)


@pytest.mark.fault(2)
def test_all_workers_killed_five_times_come_back_later_each_time(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), workers=4))
    master, pauses = daemon.master, []
    with ShortRequests(address, timeout=PATIENCE) as requests:
        for _ in range(5):
            enough = requests.done + 20
            wait_until(lambda enough=enough: requests.done > enough, PATIENCE)  # type: ignore[misc]
            victims = set(daemon.workers().values())
            began = time.monotonic()
            for pid in victims:
                daemon.kill(pid)
            wait_until(
                lambda dead=victims: daemon.is_serving(4) and not dead & {*daemon.workers().values()},  # type: ignore[misc]
                PATIENCE,
            )
            pauses.append(time.monotonic() - began)
    assert daemon.master == master
    assert len(requests.failures) <= 5 * 4 * 2, requests.failures
    assert daemon.log.count("process started: kind=worker") == 4 * (5 + 1), "nobody is forked in vain"
    assert pauses[-1] > pauses[1] > pauses[0], pauses
    assert sum(pauses) > 5, "less than one a second and slot"


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("signals", "promised"),
    [
        ([signal.SIGTERM], 4.0),
        ([signal.SIGTERM, signal.SIGTERM], 0.0),
        ([signal.SIGTERM, signal.SIGINT], 0.0),
        ([signal.SIGINT], 0.0),
        ([signal.SIGQUIT], 0.0),
    ],
)
def test_a_stop_takes_as_long_as_was_promised(
    daemon: Daemon, serve: Serve, signals: list[signal.Signals], promised: float
) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), stop_timeout="4s"))
    with Streams(address, 4):
        master, began = daemon.master, time.monotonic()
        for number in signals:
            os.kill(master, number)
            time.sleep(0.1)  # two at once may be one to the kernel
        wait_until(lambda: not daemon.pids(), PATIENCE, every=0.05)
        took = time.monotonic() - began
    assert promised - 0.5 <= took <= promised + SLACK
    assert sorted(path.name for path in daemon.run_dir.iterdir()) == ["directord.lock"]


@pytest.mark.fault(22)
def test_a_clock_that_steps_kills_nobody_and_deadlines_hold(daemon: Daemon, serve: Serve) -> None:
    need("faketime", "faketime")
    library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
    clock = daemon.folder / "clock"
    clock.write_text("+0")
    daemon.environment |= {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), worker_timeout="3s", stop_timeout="3s"))
    workers = daemon.workers()
    with Streams(address, 5) as streams, ShortRequests(address) as requests:
        for step in ("+3600", "-3600", "+0"):
            clock.write_text(step)
            done = requests.done + 50
            time.sleep(6)  # twice what a hung worker is given
            wait_until(lambda done=done: requests.done > done, PATIENCE)  # type: ignore[misc]
            assert daemon.workers() == workers
            assert daemon.directord("status").exit == 0
    assert streams.broken == {}
    assert requests.failures == []
    with Streams(address, 2):
        began = time.monotonic()
        os.kill(daemon.master, signal.SIGTERM)
        clock.write_text("-3600")
        wait_until(lambda: not daemon.pids(), PATIENCE)
        assert 2.5 <= time.monotonic() - began <= 3 + SLACK + 2


@pytest.mark.fault(24)
def test_without_processes_what_runs_goes_on_and_it_tries_again(daemon: Daemon, serve: Serve) -> None:
    """Fork fails: for a worker that died, for a reload's checker, for an upgrade."""
    need_root()  # only who may become somebody else can be limited
    nobody, setpriv = pwd.getpwnam("nobody"), need("setpriv", "util-linux")
    become = [setpriv, "--reuid", str(nobody.pw_uid), "--clear-groups"]
    os.chown(daemon.folder, nobody.pw_uid, nobody.pw_gid)
    address = free_address()
    text = one_service(address, host("a", serve(Named("a")).address))
    daemon.configure(text)

    def allow(processes: str) -> None:
        limit = [*become, need("prlimit", "util-linux"), "--pid", str(daemon.master), f"--nproc={processes}:"]
        subprocess.run(limit, check=True, timeout=PATIENCE)

    def run(word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*become, *daemon.command_line(word)],
            env={**daemon.environment, "HOME": str(daemon.folder)},
            cwd=daemon.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    started = run("start")
    if "Permission denied" in started.stderr:
        pytest.skip("the code is not readable for others here")
    assert started.returncode == 0, started.stderr
    master = daemon.master
    limits = Path(f"/proc/{master}/limits").read_text().splitlines()
    before = next(line.split()[2] for line in limits if line.startswith("Max processes"))
    allow("1")
    daemon.kill(daemon.workers()[0])
    wait_until(lambda: daemon.log.count("can't fork") >= 3, PATIENCE)
    assert {ask_name(address) for _ in range(20)} == {"a"}
    daemon.configure(text.replace("roundrobin", "random"))
    assert "can't" in daemon.directord("reload").text
    refused = daemon.directord("upgrade")
    assert (refused.exit, "can't fork" in refused.text) == (150, True), refused.text
    allow(before)
    wait_until(lambda: daemon.is_serving(2), PATIENCE)
    assert daemon.master == master
    assert daemon.directord("reload").exit == 0


@pytest.mark.fault(24)
def test_a_full_run_dir_ends_nothing(daemon: Daemon, serve: Serve) -> None:
    """Of an own file system, which only root can mount."""
    need_root()
    daemon.run_dir.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", str(daemon.run_dir)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"can't mount here: {mounted.stderr.strip()}")
    try:
        address = free_address()
        daemon.start(one_service(address, host("a", serve(Named("a")).address), upgrade_probation="0.1s"))
        with connect(address):
            full = daemon.run_dir / "full"
            with full.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(b"\0" * 4096)
            daemon.kill(daemon.workers()[0])
            wait_until(lambda: daemon.is_serving(2), PATIENCE)
            failed = daemon.directord("upgrade", timeout=120)
            assert failed.exit in (0, 150, 151), failed.text
            assert {ask_name(address) for _ in range(20)} == {"a"}
            full.unlink()
            assert daemon.directord("upgrade", timeout=120).exit == 0
            assert {ask_name(address) for _ in range(20)} == {"a"}
        daemon.stop()
    finally:
        subprocess.run(["umount", "-l", str(daemon.run_dir)], check=False)
        shutil.rmtree(daemon.run_dir, ignore_errors=True)
