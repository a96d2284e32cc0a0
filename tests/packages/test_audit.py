"""What is said of known holes in what we depend on."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable

import pytest

from tests.packages.building import MAKERS

verdict: Callable[[str, str], tuple[int, str]] = runpy.run_path(str(MAKERS / "audit.py"))["verdict"]
WELL = {"name": "rich", "version": "15.0", "vulns": []}
HOLE = {"name": "rich", "version": "15.0", "vulns": [{"id": "PYSEC-1"}]}
NONE = "packages audited, no known hole"
UNKNOWN = {"name": "rich", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([WELL], 0, "1 of 1 packages audited, no known hole"),
        ([WELL, HOLE], 1, "known holes:\nrich 15.0: PYSEC-1"),
        (
            [UNKNOWN],
            0,
            f"0 of 1 {NONE}\nNOT AUDITED, the advisory service does not know them: rich",
        ),
    ],
)
def test_a_hole_fails_and_what_is_not_known_is_said(packages: list[object], status: int, said: str) -> None:
    assert verdict(json.dumps({"dependencies": packages}), "") == (status, said)


def test_a_service_that_is_not_there_is_said_and_fails_nothing() -> None:
    status, said = verdict("", "Traceback\nConnectionError: no route\n")
    assert status == 0
    assert said == "NOT AUDITED: the advisory service could not be asked: ConnectionError: no route"
