"""Test connects to hosts that are down, once for all workers.

Asks each host's `Health` whether a test is due, makes it, and says what came of
it. A host goes back only after a connect that succeeded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import socket

from director.scheduling.health import Health

TIMEOUT = 1.0  # seconds
_LOOK = 0.1  # seconds


@dataclass(frozen=True)
class Patient:
    """A host to look after: its number, its verdict so far, where it is, and whether its group has nobody."""

    number: int
    health: Health
    addresses: tuple[tuple[int, Any], ...]
    group_all_down: bool


class Prober:
    """Looks after hosts that are down."""

    def __init__(
        self,
        patients: Callable[[], Iterable[Patient]],
        good: Callable[[int], None],
        bad: Callable[[int, str], None],
        now: Callable[[], float],
    ) -> None:
        self._patients, self._good, self._bad, self._now = patients, good, bad, now
        self._busy: set[int] = set()

    def start(self) -> None:
        """Begin."""
        gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            now = self._now()
            for patient in self._patients():
                if patient.number not in self._busy and patient.health.due(now, patient.group_all_down):
                    patient.health.testing(now)
                    self._busy.add(patient.number)
                    gevent.spawn(self._test, patient)
            gevent.sleep(_LOOK)

    def _test(self, patient: Patient) -> None:
        cause = "it has no address"
        try:
            for family, where in patient.addresses:
                failed = connect(family, where)
                if failed is None:
                    self._good(patient.number)
                    return
                cause = failed
            self._bad(patient.number, cause)
        finally:
            self._busy.discard(patient.number)


def connect(family: int, where: Any) -> str | None:
    """One test connect; the cause in words if it fails."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(TIMEOUT)
        code = sock.connect_ex(where if isinstance(where, str) else tuple(where))
        return None if code == 0 else os.strerror(code)
    except TimeoutError:
        return f"no answer in {TIMEOUT:g} s"
    except OSError as error:
        return error.strerror or str(error)
    finally:
        sock.close()
