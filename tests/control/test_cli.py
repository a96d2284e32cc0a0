"""`directorctl` without a daemon: words in, exit status and text out. With one: tests/system."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from control.cli import main
from control.client import Client
from control.commands.command import CommandError, ErrorKind
from control.commands.table import COMMANDS
from director.version import VERSION


def test_without_arguments_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(row.name in listed for row in COMMANDS)
    assert main(["help"]) == 0
    assert capsys.readouterr().out == listed


def test_a_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "host-down"]) == 0
    text = capsys.readouterr().out
    assert "SVC GRP HOST" in text and "--reason" in text


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["host-dwon"], "host-down"),
        (["--sokcet", "x", "status"], "--socket"),
        (["stats", "--fromat", "json"], "--format"),
        (["host-down", "web"], "GRP"),
        (["host-down", "a", "b", "c", "d"], "too many"),
        (["stats", "--format", "klingon"], "json"),
    ],
)
def test_wrong_words_exit_2_and_say_what_would_be_right(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["-s", str(tmp_path / "s"), *words]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help"], [], ["--socket", "s"]])
def test_a_long_word_is_not_repeated_in_full(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "x" * 70_000]) == 2
    assert len(capsys.readouterr().err) < 500


def test_help_is_not_told_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--watch"]) == 2
    assert "can't watch help" in capsys.readouterr().err


def test_without_a_daemon_the_exit_is_7(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (["-s", str(tmp_path / "s"), "stats"], ["stats", "--run-dir", str(tmp_path)]):
        assert main(words) == 7
        assert "can't reach a director" in capsys.readouterr().err


def test_version_works_without_a_daemon(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["-s", str(tmp_path / "s"), "version"]) == 0
    said = capsys.readouterr()
    assert said.out == f"client {VERSION}\ndaemon unknown\n"
    assert "warning: can't reach a director" in said.err


@pytest.mark.parametrize("words", [["--version"], ["-s", "/none", "--version", "--json"], ["stats", "--version"]])
def test_the_version_of_this_program_is_told_without_asking_anybody(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    assert tuple(capsys.readouterr()) == (f"directorctl {VERSION}\n", "")


def test_version_does_not_call_a_daemon_away_that_refuses(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(client: Client, command: str) -> None:
        raise CommandError(ErrorKind.RIGHTS, f"can't run {command}: eva has no rights here")

    monkeypatch.setattr(Client, "call", refuse)
    assert main(["-s", str(tmp_path / "s"), "--json", "version"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["warnings"] == ["can't run version: eva has no rights here"]
    assert "has no rights here" in said.err


def test_a_reader_that_left_is_no_traceback() -> None:
    code = "import sys; from control.cli import main; sys.exit(main(['help']))"
    command = f'{sys.executable} -c "{code}" | head -c 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in done.stderr
