"""How exactly timeouts are kept: no timer is armed for a connection, they are looked at every so often.

A timeout is kept to a tenth of itself. For a short one that would have a worker
do little else than look: a connect or a wait in a queue, of which there are few,
is kept to 25 ms at the best, and silence, for which all connections are looked
at, to 250 ms. Since bytes are noticed by the same looks, silence is seen twice
the time between two of them too late at the worst.
"""

from __future__ import annotations

from collections.abc import Collection

from director.config.model import Service

_PART = 0.1  # of a timeout
_WAITS = 0.025, 0.25  # seconds between looks, at the least and at the most
_IDLENESS = 0.125, 0.5


def of_waits(services: Collection[Service]) -> float:
    """Seconds between looks at those who wait for a host to answer, or in a queue."""
    return _every(_PART, _WAITS, [time for one in services for time in (one.connect_timeout, one.queue_timeout)])


def of_idleness(services: Collection[Service]) -> float:
    """Seconds between looks at who was silent."""
    return _every(_PART / 2, _IDLENESS, [one.idle_timeout for one in services if one.idle_timeout])


def _every(part: float, bounds: tuple[float, float], timeouts: list[float]) -> float:
    least, most = bounds
    return max(least, min(most, part * min(timeouts, default=most / part)))
