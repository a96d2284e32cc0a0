"""The nouns of a run: figures, samples of them, and all that was found.

Nothing here measures; see `stage` and `scenarios`. Counterpart of `report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_BOUND_BY_LOAD = 0.1  # of the proxy's cores idle: then it was not the proxy that set the rate


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `must` and `aim` bound the ratio to HAProxy, or the figure itself if not `relative`."""

    key: str
    title: str
    unit: str
    more_is_better: bool = False
    digits: int = 1
    relative: bool = True
    must: float | None = None
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What one peer showed in one round. `others`: the same of its processes that carry no connections."""

    value: float
    others: float | None = None
    bound_by_load: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time under load: what was done and what it took, seconds of CPU."""

    seconds: float
    done: int
    failed: int
    worker_cpu: float
    other_cpu: float
    idle_share: float  # of the proxy's cores, 0 to 1
    latencies: Sequence[float] = ()

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    def cost(self, unit: float = 1e6, per: float = 1.0) -> Sample:
        """CPU for each `per` operations, in 1/`unit` seconds."""
        times = unit * per / max(1, self.done)
        return Sample(self.worker_cpu * times, self.other_cpu * times)

    def throughput(self, per: float = 1.0) -> Sample:
        """Operations a second, in units of `per`."""
        return Sample(self.rate / per, bound_by_load=self.idle_share > _BOUND_BY_LOAD)


@dataclass(slots=True)
class Results:
    """Every sample: figure → peer → round → sample, and what else must be said."""

    samples: dict[str, dict[str, dict[int, Sample]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, figure: str, peer: str, number: int, sample: Sample) -> None:
        """Note down one sample."""
        self.samples.setdefault(figure, {}).setdefault(peer, {})[number] = sample

    def values(self, figure: str, peer: str) -> dict[int, float]:
        """Values by round; empty when the peer took no part."""
        return {number: sample.value for number, sample in self.samples.get(figure, {}).get(peer, {}).items()}
