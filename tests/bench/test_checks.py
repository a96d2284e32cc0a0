"""That the cost of checks can be measured; what it is, is not for tests."""

from __future__ import annotations

import pytest

from tests.bench.checks import main
from tests.system.peers import need


def test_it_measures_a_few(capsys: pytest.CaptureFixture[str]) -> None:
    need("nginx", "nginx")
    assert main(["--seconds", "3", "--hosts", "4", "--kinds", "http"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(", 0 down")
    assert "late" in lines[1]
