"""That the cost of the state channel can be measured; what it is, is not for tests."""

from __future__ import annotations

import pytest

from tests.bench import channel


def test_a_small_channel_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert channel.main(["--rates", "50", "--hosts", "10", "--workers", "2", "--seconds", "0.2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing happens:") and "50 connections/s: hub " in out
