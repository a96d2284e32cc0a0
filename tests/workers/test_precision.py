"""How often timeouts are looked at."""

from __future__ import annotations

import pytest

from director.config.model import Service
from workers.precision import of_idleness, of_waits


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [
        ([(5.0, 5.0)], 0.25),
        ([(1.0, 5.0)], 0.1),
        ([(5.0, 5.0), (5.0, 0.5)], 0.05),
        ([(0.001, 5.0)], 0.025),
        ([(5.0, 0.0)], 0.025),
        ([], 0.25),
    ],
)
def test_waits_are_kept_to_a_tenth_of_the_shortest(timeouts: list[tuple[float, float]], seconds: float) -> None:
    services = [
        Service(name="s", connect_timeout=connect_timeout, queue_timeout=queue_timeout)
        for connect_timeout, queue_timeout in timeouts
    ]
    assert of_waits(services) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [([0.0], 0.5), ([600.0, 0.0], 0.5), ([600.0, 5.0], 0.25), ([1.0], 0.125), ([0.01], 0.125), ([], 0.5)],
)
def test_silence_is_looked_for_twice_in_a_tenth_of_the_shortest(timeouts: list[float], seconds: float) -> None:
    assert of_idleness([Service(name="s", idle_timeout=timeout) for timeout in timeouts]) == pytest.approx(seconds)
