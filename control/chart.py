"""What is known of one host's health beside the verdict: counts, the last check, past outages.

Times are on the wall clock here, as people read them.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Self

from control.dialogues import Outcome
from control.downtime import Downtime
from director.messages import Fault
from director.tally import bucket, empty_histogram, quantiles_ms

# Workers say what failed in the kernel's words.
ERRNOS = {os.strerror(code): name for code, name in errno.errorcode.items()}
_OF_FAULT = {Fault.CONNECT_REFUSED: "ECONNREFUSED", Fault.CONNECT_TIMEOUT: "ETIMEDOUT", Fault.RESET: "ECONNRESET"}


def errno_name(fault: Fault, cause: str) -> str:
    """The name of the errno behind a fault in traffic; "" if there is none."""
    return _OF_FAULT.get(fault) or ERRNOS.get(cause, "")


@dataclass(slots=True)
class Chart:
    """One host's.

    `since`: its state; `returned_at`: when it was last used again; 0: never. `resolved`:
    whether it has an address; None: it never had one.
    """

    since: float = 0.0
    returned_at: float = 0.0
    checks_ok: int = 0
    checks_failed: int = 0
    status: str = ""
    code: int = 0
    errno: str = ""  # of the last fault, checked or in traffic
    check_ms: float | None = None
    checked_at: float = 0.0
    good_at: float = 0.0
    expires_at: float = 0.0
    latency: list[int] = field(default_factory=empty_histogram)
    resolved: bool | None = None
    out: Downtime = field(default_factory=Downtime)  # down, taken out, or without an address
    _quantiles: tuple[int, list[float]] = field(default=(0, [0.0, 0.0]), init=False, repr=False, compare=False)

    def note(self, outcome: Outcome, seconds: float, at: float) -> None:
        """A check is over; it took so long."""
        self.status, self.code = outcome.status, outcome.code
        self.check_ms = seconds * 1000
        self.checked_at = at
        self.latency[bucket(seconds)] += 1
        if outcome.expires_at:
            self.expires_at = outcome.expires_at
        if outcome.good:
            self.checks_ok += 1
            self.good_at = at
        else:
            self.checks_failed += 1
            self.errno = errno.errorcode.get(outcome.errno, "")

    def document(self, now: float) -> dict[str, Any]:
        """Its part of the stats."""
        counted = self.checks_ok + self.checks_failed
        if self._quantiles[0] != counted:
            self._quantiles = counted, quantiles_ms(self.latency, (0.5, 0.99))
        middle, slow = self._quantiles[1]
        return {
            "checks": {"ok": self.checks_ok, "failed": self.checks_failed},
            "check_status": self.status,
            "check_code": self.code or None,
            "check_ms": None if self.check_ms is None else round(self.check_ms, 3),
            "check_ms_p50": middle,
            "check_ms_p99": slow,
            "last_check": self.checked_at or None,
            "last_good_check": self.good_at or None,
            "errno": self.errno,
            "tls_expiry_days": round((self.expires_at - now) / 86400, 1) if self.expires_at else None,
        }

    def dump(self) -> list[Any]:
        """As plain values."""
        return [*_values(self), *self.out.dump()]

    @classmethod
    def restored(cls, value: list[Any]) -> Self:
        """What was dumped, to go on with."""
        chart = cls(*value[: len(_NAMES)])
        chart.out = Downtime(*value[len(_NAMES) :])
        return chart


_NAMES = tuple(one.name for one in fields(Chart) if one.init and one.name != "out")
_values = attrgetter(*_NAMES)
