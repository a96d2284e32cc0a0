"""Some reloads and upgrades in a row, under load; twenty of each by `make soak`."""

from __future__ import annotations

import pytest

from tests.system.churn import Churn
from tests.system.daemon import Daemon


@pytest.mark.fault(3)
@pytest.mark.fault(25)
def test_reloads_and_upgrades_in_a_row_fail_nobody_and_leave_nothing(daemon: Daemon) -> None:
    with Churn(daemon, streams=10) as churn:
        for _ in range(3):
            churn.turn()
    churn.check()
