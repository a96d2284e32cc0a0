"""The first moment of `directord`."""

from __future__ import annotations

from director.errors import Exit
from tests.interrupting import interrupted


def test_who_interrupts_it_while_it_is_imported_reads_no_traceback() -> None:
    done = interrupted("director.entry", "director.master.upgrade")
    assert (done.returncode, done.stdout, done.stderr) == (Exit.FAILED, "", "")
