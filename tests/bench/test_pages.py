"""What pages cost, measured for a moment: only that there are figures."""

from __future__ import annotations

import pytest

from tests.bench.pages import main


def test_a_short_measurement_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pages", "2", "--rounds", "1", "--seconds", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "0 pages:" in told and "2 pages:" in told and "0 requests failed" in told
