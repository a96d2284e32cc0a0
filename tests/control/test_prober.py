"""Checks at their time, over real sockets: who is there, who refuses, who says nothing."""

from __future__ import annotations

import os
import select
import socket
import time

import gevent

from control.attempt import Job
from control.dialogues import Outcome
from control.memory import Memory
from control.offspring import Offspring
from control.prober import Prober
from director import logs
from director.config.model import Check
from director.messages import Happened
from tests.waiting import until


def listening(backlog: int = 8) -> tuple[socket.socket, tuple[str, int]]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(backlog)
    return sock, sock.getsockname()


OPEN: list[Clinic] = []  # closed by a fixture after each test


class Clinic:
    """A prober, jobs by number, and what came of them."""

    def __init__(self, interval: float | None = None) -> None:
        self.jobs: dict[int, Job] = {}
        self.outcomes: list[tuple[int, Outcome]] = []
        self.due: list[float] = []
        self.seconds: list[float] = []
        self._interval = interval
        self.memory = os.memfd_create("test")
        offspring = Offspring(Memory(self.memory))
        self.prober = Prober(gevent.get_hub().loop, self.jobs.get, self.report, offspring)
        self.prober.start()
        OPEN.append(self)

    def close(self) -> None:
        self.prober.stop()
        os.close(self.memory)

    def report(self, number: int, due: float, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append((number, outcome))
        self.seconds.append(seconds)
        self.due.append(due)
        if self._interval is not None:
            self.prober.book(number, due + self._interval)

    def check(self, check: Check, *where: tuple[int, object], number: int = 1) -> None:
        self.jobs[number] = Job(number, ("web", "main", "a"), check, where, "localhost:1")
        self.prober.book(number, time.monotonic())

    def one(self, check: Check, *where: tuple[int, object]) -> Outcome:
        self.check(check, *where)
        until(lambda: self.outcomes)
        return self.outcomes[0][1]


def test_a_connect_is_good_and_a_refusal_says_why() -> None:
    sock, where = listening()
    assert Clinic().one(Check(), (int(socket.AF_INET), where)).good
    sock.close()
    refused = Clinic().one(Check(), (int(socket.AF_INET), where))
    assert (refused.good, refused.status, refused.cause) == (False, "L4CON", "Connection refused")
    missing = Clinic().one(Check(), (int(socket.AF_UNIX), "/no/such/socket"))
    assert missing.cause == "No such file or directory"
    assert Clinic().one(Check()).cause == "it has no address"


def test_one_good_address_is_enough() -> None:
    sock, where = listening()
    gone, nowhere = listening()
    gone.close()
    assert Clinic().one(Check(), (int(socket.AF_INET), nowhere), (int(socket.AF_INET), where)).good
    sock.close()


def test_who_does_not_answer_in_time_is_bad() -> None:
    sock, where = listening()
    clinic = Clinic()
    silent = clinic.one(Check(type="http", timeout=0.1), (int(socket.AF_INET), where))
    assert (silent.status, silent.cause) == ("L7TOUT", "connected, but no answer in 0.1 s")
    assert 0.1 <= clinic.seconds[0] < 2
    sock.close()


def test_checks_repeat_at_their_interval_without_drift() -> None:
    sock, where = listening(100)
    clinic = Clinic(interval=0.1)
    clinic.check(Check(), (int(socket.AF_INET), where))
    until(lambda: len(clinic.outcomes) >= 6)
    assert all(outcome.good for _, outcome in clinic.outcomes)
    gaps = [later - earlier for earlier, later in zip(clinic.due, clinic.due[1:], strict=False)]
    assert all(abs(gap - 0.1) < 0.001 for gap in gaps)
    sock.close()


def test_a_bug_in_one_check_costs_no_other() -> None:
    def fail(mask: int) -> None:
        raise ZeroDivisionError

    told: list[Happened] = []
    logs.listen(told.append)
    mine, other = socket.socketpair()
    host, where = listening(64)
    try:
        clinic = Clinic(interval=0.05)
        clinic.prober.add(mine.fileno(), fail, select.EPOLLIN | select.EPOLLET)
        other.send(b"x")
        until(lambda: told)
        clinic.check(Check(interval=0.05), (int(socket.AF_INET), where))
        until(lambda: len(clinic.outcomes) >= 3)
        assert all(outcome.good for _, outcome in clinic.outcomes)
        assert [one.event for one in told] == ["process crashed"]
        clinic.prober.remove(mine.fileno())
    finally:
        logs.listen(None)
        for sock in (mine, other, host):
            sock.close()


def test_what_is_told_of_one_may_cancel_others_that_were_over_at_the_same_time() -> None:
    sock, where = listening(64)
    clinic = Clinic()
    told: list[int] = []

    def cancel_all(number: int, due: float, outcome: Outcome, seconds: float) -> None:
        told.append(number)
        for other in range(1, 6):
            if other not in told:
                clinic.prober.cancel(other)
        raise ZeroDivisionError

    clinic.prober._report = cancel_all
    for number in range(1, 6):
        clinic.check(Check(), (int(socket.AF_INET), where), number=number)
    until(lambda: told)
    clinic.prober._report = clinic.report
    clinic.check(Check(), (int(socket.AF_INET), where), number=9)
    until(lambda: clinic.outcomes)
    assert (len(told), [number for number, _ in clinic.outcomes]) == (1, [9])
    sock.close()


def test_who_was_cancelled_is_not_reported() -> None:
    sock, where = listening()
    sock.setblocking(False)
    clinic = Clinic()
    check = Check(type="send", expect="x", timeout=1.0)
    clinic.check(check, (int(socket.AF_INET), where), number=1)
    until(lambda: select.select([sock], [], [], 0)[0])  # it is under way
    clinic.prober.cancel(1)
    clinic.check(check, (int(socket.AF_INET), where), number=2)  # whose time is over later
    until(lambda: clinic.outcomes)
    assert [number for number, _ in clinic.outcomes] == [2]
    assert clinic.prober.due(1) is None
    sock.close()


def test_what_is_under_way_at_a_pause_is_dropped_and_comes_first_after_it() -> None:
    sock, where = listening()
    clinic = Clinic()
    clinic.check(Check(type="http", timeout=60.0), (int(socket.AF_INET), where))
    until(lambda: select.select([sock], [], [], 0)[0])
    called, _ = sock.accept()
    called.setblocking(False)
    clinic.prober.pause()
    until(lambda: _is_gone(called))
    assert clinic.outcomes == []
    clinic.prober.start()
    until(lambda: select.select([sock], [], [], 0)[0])
    again, _ = sock.accept()
    assert clinic.outcomes == []
    for one in (called, again, sock):
        one.close()


def _is_gone(sock: socket.socket) -> bool:
    try:
        return sock.recv(4096) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_an_answer_that_came_in_time_counts_however_late_we_are() -> None:
    sock, where = listening()
    clinic = Clinic()
    clinic.check(Check(type="http", expect="200", timeout=0.2), (int(socket.AF_INET), where))
    until(lambda: select.select([sock], [], [], 0)[0])
    host, _ = sock.accept()
    with sock, host:
        until(lambda: select.select([host], [], [], 0)[0])  # it has asked
        host.send(b"HTTP/1.1 200 OK\r\n\r\n")
        time.sleep(0.5)  # the loop is busy with something else
        until(lambda: clinic.outcomes)
    assert clinic.outcomes[0][1].good
