"""Which hosts of the stats get new connections."""

from __future__ import annotations

import pytest

from control.usability import is_up, is_usable
from director.messages import HostState


@pytest.mark.parametrize("state", HostState)
def test_a_host_is_up_from_its_slow_start_on(state: HostState) -> None:
    assert is_up({"state": state.value}) is (state in (HostState.UP, HostState.SLOWSTART))


def test_a_host_is_usable_if_it_is_up_and_has_a_weight() -> None:
    assert is_usable({"state": "up", "weight": 0.5})
    assert not is_usable({"state": "up", "weight": 0})
    assert not is_usable({"state": "down", "weight": 1})
