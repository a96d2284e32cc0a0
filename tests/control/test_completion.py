"""What is completed for bash and zsh, by these shells themselves.

`directorctl` is a stand-in here that knows names; with a real daemon it is in tests/system.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from control.cli import COMMON
from control.commands.table import COMMANDS
from control.completion import bash, zsh
from tests.system.peers import need

STANDIN = """#!/bin/sh
echo "$@" >> asked
case "$*" in
    "names") echo web; echo db ;;
    "names web") echo main; echo next ;;
    "names web main") echo a:1; echo a:2; echo b ;;
    "-s other names") echo elsewhere ;;
    "names --schedulers") echo first; echo leastconns ;;
    "names --listens web") echo '127.0.0.1:80'; echo '[::]:80' ;;
    "names --subsystems") echo hub; echo listener ;;
    "names --admins") echo '127.0.0.1:7001' ;;
    "names --groups") echo main; echo next ;;
    "names --hosts") echo a:1; echo b ;;
    *) exit 7 ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c.bash").write_text("\n".join(bash(COMMANDS, COMMON)) + "\n")
    (tmp_path / "_directorctl").write_text("\n".join(zsh(COMMANDS, COMMON)) + "\n")
    standin = tmp_path / "directorctl"
    standin.write_text(STANDIN)
    standin.chmod(0o755)
    return tmp_path


def in_bash(folder: Path, line: str, by: str | None = None) -> list[str]:
    """What bash offers at the end of a line."""
    script = """
        source ./c.bash
        COMP_LINE=$1 COMP_POINT=${#1}
        read -ra COMP_WORDS <<< "$1"
        COMP_CWORD=${#COMP_WORDS[@]}
        _directorctl directorctl
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", line],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return [one for one in done.stdout.split(by) if one]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("directorctl host-d", ["host-del", "host-del-all", "host-down"]),
        ("directorctl --json host-dow", ["host-down"]),
        ("directorctl host-down ", ["web", "db"]),
        ("directorctl host-down web ", ["main", "next"]),
        ("directorctl host-down --force web main b", ["b"]),
        ("directorctl host-down web --reason none main ", ["a:1", "a:2", "b"]),
        ("directorctl -s other host-down ", ["elsewhere"]),
        ("directorctl stats --format ", ["text", "json", "csv", "prometheus"]),
        ("directorctl sessions --service w", ["web"]),
        ("directorctl group-scheduler web main f", ["first"]),
        ("directorctl sessions --group n", ["next"]),
        ("directorctl sessions --service web --host b", ["b"]),
        ("directorctl session-close --host a:", ["1"]),
        ("directorctl user-add ann ", ["full", "readonly"]),
        ("directorctl user-add --admin 1", ["127.0.0.1:7001"]),
        ("directorctl user-add ann f", ["full"]),
        ("directorctl log-level ", ["debug", "info", "warning", "error"]),
        ("directorctl log-level debug li", ["listener"]),
        ("directorctl listen-del web 127.0.0.1:", ["80"]),
        ("directorctl listen-add web ", []),
        ("directorctl help version", ["version"]),
        ("directorctl host-down wrong ", []),
        ("directorctl host-down web main b ", []),
        ("directorctl undo ", []),
        ("directorctl nonsense ", []),
    ],
)
def test_bash_offers_what_may_stand_there(folder: Path, line: str, found: list[str]) -> None:
    assert [one for one in in_bash(folder, line) if not one.startswith("host-drain")] == found


def test_bash_offers_options_of_the_command_and_those_of_all(folder: Path) -> None:
    offered = in_bash(folder, "directorctl host-down --")
    assert {"--for", "--reason", "--force", "--json", "--socket"} <= set(offered)
    assert "--weight" not in offered


def test_bash_offers_only_what_stands_behind_the_last_colon(folder: Path) -> None:
    assert in_bash(folder, "directorctl host-down web main a:") == ["1", "2"]


def test_a_daemon_that_is_down_has_no_names_and_no_complaint(folder: Path) -> None:
    (folder / "directorctl").write_text("#!/bin/sh\necho 'directorctl: not running' >&2\nexit 7\n")
    assert in_bash(folder, "directorctl host-down ") == []


ODD = r"""#!/bin/sh
printf '%s\n' 'my service' '$(touch ran)' '`touch ran`' "it's" 'plain'
"""


def test_bash_runs_nothing_that_a_name_holds_and_quotes_it(folder: Path) -> None:
    (folder / "directorctl").write_text(ODD)
    offered = in_bash(folder, "directorctl services ", "\n")
    assert offered == []
    offered = in_bash(folder, "directorctl service-del ", "\n")
    assert offered == [r"my\ service", r"\$\(touch\ ran\)", r"\`touch\ ran\`", r"it\'s", "plain"]
    assert in_bash(folder, r"directorctl service-del my\ s", "\n") == [r"my\ service"]
    assert not (folder / "ran").exists()


def test_bash_asks_with_names_as_they_are(folder: Path) -> None:
    in_bash(folder, r"directorctl host-down my\ service ")
    assert (folder / "asked").read_text() == "names my service\n"


def test_zsh_runs_nothing_that_a_name_holds(folder: Path) -> None:
    (folder / "directorctl").write_text(ODD)
    assert in_zsh(folder, "directorctl", "service-del", "my", by="\n") == ["my service"]
    assert in_zsh(folder, "directorctl", "service-del", "$", by="\n") == ["$(touch ran)"]
    assert not (folder / "ran").exists()


def in_zsh(folder: Path, *words: str, by: str | None = None) -> list[str]:
    """What zsh is told to choose from for the last of these words."""
    need("zsh", "zsh")
    script = """
        compdef() { }
        compadd() { shift; print -l -- "$@" }
        source ./_directorctl
        words=("$@") CURRENT=$#
        _directorctl
    """
    done = subprocess.run(
        ["zsh", "-f", "-c", script, "zsh", *words],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return [word for word in done.stdout.split(by) if word.startswith(words[-1])]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("directorctl group-sch", ["group-scheduler"]),
        ("directorctl host-down d", ["db"]),
        ("directorctl host-down web ", ["main", "next"]),
        ("directorctl host-down web main a:", ["a:1", "a:2"]),
        ("directorctl -s other host-down els", ["elsewhere"]),
        ("directorctl stats --format pro", ["prometheus"]),
        ("directorctl group-scheduler web main lea", ["leastconns"]),
        ("directorctl host-down --rea", ["--reason"]),
        ("directorctl sessions --group n", ["next"]),
        ("directorctl sessions --host a:", ["a:1"]),
        ("directorctl user-add ann ", ["full", "readonly"]),
        ("directorctl user-add --admin 1", ["127.0.0.1:7001"]),
        ("directorctl log-level w", ["warning"]),
        ("directorctl log-level debug li", ["listener"]),
        ("directorctl listen-del web [", ["[::]:80"]),
        ("directorctl host-down wrong ", []),
        ("directorctl undo ", []),
    ],
)
def test_zsh_offers_what_may_stand_there(folder: Path, line: str, found: list[str]) -> None:
    assert in_zsh(folder, *line.split(" ")) == found


def test_zsh_loads_the_script_as_its_completion(folder: Path) -> None:
    need("zsh", "zsh")
    script = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d ./dump; print $_comps[directorctl]"
    done = subprocess.run(["zsh", "-f", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["_directorctl"]
