"""What signals make the master do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from director.errors import RefusedError
from director.master.run import Master
from director.master.signals import Signals, hold_back
from director.master.stage import Stage
from director.messages import WorkersSet


@pytest.fixture
def tell(master: Master) -> Iterator[Callable[[int], None]]:
    """`tell(number)`: send ourselves the signal, and let the master's loop act on it."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    master.stage = Stage.SERVING
    Signals(master).install()

    def send(number: int) -> None:
        os.kill(os.getpid(), number)
        master.loop.after(0.0, lambda: None)
        master.loop.step()

    yield send
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    signal.set_wakeup_fd(-1)


def test_ttin_and_ttou_ask_for_one_worker_more_or_less_but_never_none(
    master: Master, tell: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(master.changing, "perform", lambda request: asked.append((request.order, request.actor.origin)))
    tell(signal.SIGTTIN)
    tell(signal.SIGTTOU)
    master.family.supervisor.resize(1, 0.0)
    tell(signal.SIGTTOU)
    assert asked == [(WorkersSet(3), "TTIN"), (WorkersSet(1), "TTOU"), (WorkersSet(1), "TTOU")]


def test_winch_pauses_and_a_second_one_resumes(master: Master, tell: Callable[[int], None]) -> None:
    tell(signal.SIGWINCH)
    assert master.paused
    assert master.held
    tell(signal.SIGWINCH)
    assert not master.paused


def test_winch_does_nothing_in_an_upgrade(master: Master, tell: Callable[[int], None]) -> None:
    master.stage = Stage.PROBATION
    tell(signal.SIGWINCH)
    assert not master.paused


def test_in_the_foreground_winch_is_the_terminals(master: Master, tell: Callable[[int], None]) -> None:
    master.foreground = True
    Signals(master).install()
    assert signal.getsignal(signal.SIGWINCH) is signal.SIG_IGN


def test_what_is_refused_ends_nothing(
    master: Master, tell: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_request: object) -> None:
        raise RefusedError("no")

    monkeypatch.setattr(master.changing, "perform", refuse)
    monkeypatch.setattr(master, "begin_upgrade", refuse)
    tell(signal.SIGTTIN)
    tell(signal.SIGUSR2)
    assert master.stage is Stage.SERVING


def test_what_was_said_before_there_was_a_master_is_heard_by_it(master: Master, tell: Callable[[int], None]) -> None:
    master.stage = Stage.STARTING
    hold_back()
    # To this thread: whoever runs the tests may have others, which hold nothing back.
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    assert signal.SIGTERM in signal.sigpending()
    Signals(master).install()
    master.loop.after(0.0, lambda: None)
    master.loop.step()
    assert master.stage is Stage.STOPPING
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
