"""Whose end is the daemon's: by what the lock says. As a whole it is tested with real processes, in tests/system."""

from __future__ import annotations

import pytest

from director.master.launcher import Offspring
from director.master.lock import Holder

FIRST, NEXT, STRANGER = 10, 20, 99
OURS = {FIRST, NEXT}

CASES = {
    "it has just begun": (Holder(), {}, FIRST, None),
    "it serves": (Holder(True, pid=FIRST), {}, FIRST, None),
    "it could not start": (Holder(), {FIRST: 256}, FIRST, 256),
    "another daemon runs already": (Holder(True, pid=STRANGER), {FIRST: 0}, FIRST, 0),
    "it was stopped": (Holder(False, pid=FIRST), {FIRST: 0}, FIRST, 0),
    "it was killed": (Holder(False, True, pid=FIRST), {FIRST: 9}, FIRST, 9),
    "it was killed and a successor is on its way": (Holder(True, pid=FIRST), {FIRST: 9}, FIRST, None),
    "a successor serves": (Holder(True, pid=NEXT), {}, NEXT, None),
    "a successor serves and the first is gone": (Holder(True, pid=NEXT), {FIRST: 0}, NEXT, None),
    "a successor was stopped": (Holder(False, pid=NEXT), {FIRST: 0, NEXT: 0}, NEXT, 0),
    "a successor was killed while the first retires": (Holder(False, pid=NEXT), {NEXT: 9}, NEXT, 9),
}


@pytest.mark.parametrize("case", CASES)
def test_the_master_that_reigns_decides(case: str) -> None:
    holder, ended, reigning, verdict = CASES[case]
    offspring = Offspring(FIRST, lambda: holder, lambda pid: pid in OURS - ended.keys(), ended)
    assert (offspring.reigning(), offspring.verdict()) == (reigning, verdict)
