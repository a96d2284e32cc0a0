"""Test connects: to who is there, who refuses and who says nothing."""

from __future__ import annotations

import socket
import time

import gevent
import pytest

from control.prober import Patient, Prober, connect
from director.scheduling.health import Health


def listening() -> tuple[socket.socket, tuple[str, int]]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock, sock.getsockname()


def test_a_connect_says_why_it_failed() -> None:
    sock, where = listening()
    assert connect(int(socket.AF_INET), list(where)) is None
    sock.close()
    assert connect(int(socket.AF_INET), where) == "Connection refused"
    assert connect(int(socket.AF_UNIX), "/no/such/socket") == "No such file or directory"


def test_a_down_host_is_tested_until_it_is_good() -> None:
    sock, where = listening()
    sock.close()
    health = Health(time.monotonic(), checktime=0.05)
    health.fault(time.monotonic(), "refused")
    outcomes: list[str] = []

    def good(number: int) -> None:
        health.good(time.monotonic())
        outcomes.append("good")

    patient = Patient(3, health, ((int(socket.AF_INET), where),), False)
    prober = Prober(lambda: [patient], good, lambda number, cause: outcomes.append(cause), time.monotonic)
    prober.start()
    with gevent.Timeout(10):
        while not outcomes:
            gevent.sleep(0.01)
    assert outcomes[0] == "Connection refused"
    back = socket.socket()
    back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    back.bind(where)
    back.listen()
    with gevent.Timeout(10):
        while outcomes[-1] != "good":
            gevent.sleep(0.01)
    assert health.up
    back.close()


def test_a_host_without_an_address_is_bad() -> None:
    outcomes: list[str] = []
    prober = Prober(
        lambda: [], lambda number: pytest.fail("good?"), lambda number, cause: outcomes.append(cause), time.monotonic
    )
    prober._test(Patient(1, Health(0.0, 1.0), (), True))
    assert outcomes == ["it has no address"]
