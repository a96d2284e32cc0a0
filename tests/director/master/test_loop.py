"""The loop: descriptors, timers, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from director.master.loop import Loop
from tests.waiting import wait_until


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(time.monotonic)
    yield loop
    loop.close()
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_timers_run_in_order_and_cancelled_ones_do_not(loop: Loop) -> None:
    ran: list[str] = []
    loop.after(0.02, lambda: ran.append("second"))
    loop.after(0.01, lambda: ran.append("first"))
    loop.after(0.0, lambda: ran.append("never")).cancel()
    while len(ran) < 2:
        loop.step()
    assert ran == ["first", "second"]
    assert 0 <= loop.lag < 5


def test_descriptors_are_told_of_until_forgotten(loop: Loop) -> None:
    read, write = os.pipe()
    got: list[bytes] = []
    loop.watch(read, lambda: got.append(os.read(read, 10)))
    os.write(write, b"x")
    loop.step()
    loop.forget(read)
    os.write(write, b"y")
    loop.after(0.0, lambda: None)
    loop.step()
    assert got == [b"x"]
    os.close(read)
    os.close(write)


def test_writing_is_watched_only_while_wanted(loop: Loop) -> None:
    read, write = os.pipe()
    ready: list[str] = []
    loop.watch(write, lambda: None, lambda: ready.append("w"))
    loop.step()
    loop.watch(write, lambda: None)
    loop.after(0.0, lambda: None)
    loop.step()
    assert ready == ["w"]
    loop.forget(write)
    os.close(read)
    os.close(write)


def test_a_signal_runs_in_the_loop_not_in_the_handler(loop: Loop) -> None:
    came: list[int] = []
    loop.on_signal(signal.SIGUSR1, lambda: came.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert came == []
    loop.step()
    assert came == [1]


STOPPED = """
import sys, time
from director.master.loop import Loop

loop = Loop(time.monotonic)
loop.watch(0, lambda: (print(sys.stdin.readline().strip()), loop.forget(0)))
loop.after(float(sys.argv[1]), lambda: print("it is late"))
print("waiting", flush=True)
loop.step()
"""


def test_what_came_while_we_were_stopped_is_heard_before_a_timer_says_that_it_did_not() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, "1.5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdin is not None and one.stdout is not None
        assert one.stdout.readline() == "waiting\n"
        wait_until(lambda: psutil.Process(one.pid).status() == psutil.STATUS_SLEEPING)
        one.send_signal(signal.SIGSTOP)
        one.stdin.write("I am here\n")
        one.stdin.flush()
        time.sleep(1.5)
        one.send_signal(signal.SIGCONT)
        assert one.stdout.readline() == "I am here\n"
        assert one.wait(30) == 0
