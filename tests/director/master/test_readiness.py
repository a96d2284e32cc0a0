"""How whoever typed `directord start` hears what came of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from director.errors import Exit
from director.master.readiness import Readiness, wait


def test_in_the_foreground_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    readiness = Readiness()
    readiness.tell(Exit.DONE, "running")
    readiness.tell(Exit.FAILED, "only the first time counts")
    assert capsys.readouterr() == ("running\n", "")


def test_a_failure_is_printed_where_errors_are(capsys: pytest.CaptureFixture[str]) -> None:
    Readiness().tell(Exit.FAILED, "no")
    assert capsys.readouterr() == ("", "no\n")


@pytest.mark.parametrize(("exit_status", "stays"), [(Exit.DONE, True), (Exit.BAD_CONFIG, False)])
def test_from_the_background_it_comes_by_a_pipe(
    exit_status: Exit, stays: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.write(write, b"4711\n")
    readiness = Readiness(write)
    readiness.tell(exit_status, "words", stays=stays)
    if not stays:
        os.close(write)  # as its exit does
    assert wait(read) == exit_status
    assert "words\n" in "".join(capsys.readouterr())
    os.close(read)


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        ("import os; os.kill(os.getpid(), 9)", "it was killed by signal 9 (Killed) without a word"),
        ("raise SystemExit(3)", "it ended with status 3 without a word"),
        ("", "it died without a word"),
    ],
)
def test_of_a_death_without_a_word_it_is_told_how(code: str, fate: str, capsys: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-S", "-c", code]) as child:
        os.write(write, b"%d\n" % child.pid)
        os.close(write)
        assert wait(read) == Exit.FAILED
    assert fate in capsys.readouterr().err
    os.close(read)


def test_who_dies_before_it_has_said_who_it_is_has_died(capsys: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    os.close(write)
    assert wait(read) == Exit.FAILED
    assert "it died without a word" in capsys.readouterr().err
    os.close(read)


def test_nobody_waiting_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    Readiness(write).tell(Exit.DONE, "running", stays=True)
