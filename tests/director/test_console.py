"""What a command says, also where nobody can hear it: seen in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parent.parent.parent)
PROGRAM = "from director import console; console.prepare(); "


def run(code: str, shell: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """A program that speaks, with its standard descriptors bent by the shell."""
    words = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, PROGRAM + code]
    environment = {**os.environ, "PYTHONPATH": ROOT, **environ}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30)


def test_waiting_ends_with_the_reader_and_with_what_is_to_be_read() -> None:
    code = "import os; readable, writable = os.pipe(); console.wait(0.0, readable); os.write(writable, b'x')"
    said = "console.complain(str([console.wait(60, readable), console.wait(0.01)]))"
    assert run(f"{code}; {said}").stderr == "[True, False]\n"
    broken = run("\ntry: console.wait(60)\nexcept BrokenPipeError: console.complain('gone')", "| true")
    assert broken.stderr == "gone\n"
    assert run("console.complain(str(console.wait(0.01)))", ">/dev/null").stderr == "False\n"


@pytest.mark.parametrize("shell", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_descriptors_that_are_closed_are_open_on_nothing(shell: str) -> None:
    done = run("import os, sys; [os.fstat(fd) for fd in (0, 1, 2)]; console.say('a'); console.complain('b')", shell)
    heard = ("" if ">&-" in shell.split() else "a\n", "" if "2>&-" in shell else "b\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, *heard)


def test_a_terminal_obeys_nothing_that_a_complaint_quotes() -> None:
    assert run(r"console.complain('no \x1b[31mhost\nhere')").stderr == "no \\x1b[31mhost\nhere\n"


@pytest.mark.parametrize(("shell", "heard"), [(">/dev/full", ("", "b\n")), ("2>/dev/full", ("a\n", ""))])
def test_a_full_disk_is_no_failure(shell: str, heard: tuple[str, str]) -> None:
    done = run("console.say('a'); console.say('', end=''); console.complain('b')", shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, *heard)


def test_what_an_encoding_cannot_say_is_said_by_its_escapes() -> None:
    done = run(r"console.say('a \u2603 \udcff')", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stdout) == (0, "a \\u2603 \\udcff\n")
