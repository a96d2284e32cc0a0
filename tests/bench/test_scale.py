"""That the cost of a large config can be measured; what it is, is not for tests."""

from __future__ import annotations

import pytest

from tests.bench.scale import main


def test_it_measures_a_small_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--services", "3", "--hosts", "2", "--workers", "1", "--changes", "4"]) == 0
    printed = capsys.readouterr().out
    for what in ("start", "host-down p99", "stats", "reload", "idle worker"):
        assert what in printed
