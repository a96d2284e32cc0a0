"""How much of its weight a host gets after it returned: a tenth at first, all of it when the span is over.

In steps, since every change of a weight is work for the scheduler. Pure: times
are on the wall clock, the only one that all workers and the hub share by name.
"""

from __future__ import annotations

from director.config.model import Config
from director.config.turnover import groups_of, hosts_of, turnover

_STEPS = 10


def share(elapsed: float, span: float) -> float:
    """The part of its weight, over 0 and at most 1. A clock that was set back counts as no time."""
    if elapsed >= span:
        return 1.0
    return max(1, int(_STEPS * elapsed / span)) / _STEPS


class SlowStarts:
    """Hosts on their way back to their whole weight."""

    def __init__(self) -> None:
        self._config = Config()
        self._spans: dict[int, tuple[float, float]] = {}  # {host number: (slowstart, weight)}
        self._returned: dict[int, float] = {}

    def configure(self, config: Config) -> None:
        """These are the weights, and how long each host takes."""
        before, self._config = self._config, config
        gone, came = turnover(before.services, config.services)
        for host in hosts_of(gone):
            self._spans.pop(host.number, None)
        for group in groups_of(came):
            if group.slowstart:
                self._spans.update((host.number, (group.slowstart, host.weight)) for host in group.hosts)

    def returned(self, number: int, at: float) -> None:
        """When the host was last used again; 0: it was never out."""
        if number in self._spans and at:
            self._returned[number] = at
        else:
            self._returned.pop(number, None)

    def weights(self, now: float) -> dict[int, float]:
        """The weight of every host that is not known to have its whole one."""
        found = {}
        for number, at in list(self._returned.items()):
            span, weight = self._spans.get(number, (0.0, None))
            if weight is None:
                del self._returned[number]
                continue
            part = share(max(0.0, now - at), span)
            found[number] = weight * part
            if part >= 1.0:
                del self._returned[number]
        return found
