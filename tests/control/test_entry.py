"""The first moment of `directorctl`."""

from __future__ import annotations

from control.cli import _INTERRUPTED
from tests.interrupting import interrupted


def test_who_interrupts_it_while_it_is_imported_reads_no_traceback() -> None:
    done = interrupted("control.entry", "control.commands.table")
    assert (done.returncode, done.stdout, done.stderr) == (_INTERRUPTED, "", "")
