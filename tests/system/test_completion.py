"""Completion in bash and zsh by the real `directorctl`, of a daemon whose names are as odd as an ancestor allows."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import pytest

from tests.system.addresses import free_address
from tests.system.daemon import DIRECTORCTL, Daemon, Result
from tests.system.hosts import Host
from tests.system.peers import need
from tests.waiting import wait_until

ODD = "my $(touch ran) `touch ran` host's"
PATIENCE = 60.0  # seconds: the scripts give the daemon one, which may be too few on a busy machine

BASH = """
    source <(directorctl completion bash)
    COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=1
    _directorctl directorctl
    printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'autoload -Uz compinit; compinit -u -d ./dump; source <(directorctl completion zsh); print loaded'
    zpty -r -m shell line '*loaded*loaded*'
    zpty -w -n shell "$1"$'\\t'
    zpty -r -m shell line "*$2*" && print found
    zpty -d shell
"""


@pytest.fixture
def names(daemon: Daemon, hosts: Callable[..., list[Host]]) -> Daemon:
    """A daemon of Python Director's file, and a `directorctl` in its folder that reaches it."""
    (a,) = hosts("a")
    members = "".join(f"<host name={quoteattr(name)} ip={quoteattr(a.address)}/>" for name in (ODD, "alpha", "beta"))
    web = f'<service name="web"><listen ip="{free_address()}"/><group name="main">{members}</group>'
    enable = '<enable group="main"/></service>'
    other = f'<service name="mail"><listen ip="{free_address()}"/><group name="g"/><enable group="g"/></service>'
    daemon.start(f'<pdconfig>{web}{enable}{other}<logging file="{daemon.log_file}"/></pdconfig>')
    command = daemon.folder / "directorctl"
    command.write_text(f"#!/bin/sh\nexec {DIRECTORCTL[0]} {DIRECTORCTL[1]} '{DIRECTORCTL[2]}' \"$@\"\n")
    command.chmod(0o755)
    daemon.environment |= {
        "DIRECTOR_SOCKET": str(daemon.socket),
        "PATH": f"{daemon.folder}:{daemon.environment['PATH']}",
        "TERM": "dumb",
    }
    return daemon


def run(daemon: Daemon, *words: str) -> Result:
    done = subprocess.run(
        words,
        env=daemon.environment,
        cwd=daemon.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_bash_completes_names_of_the_daemon_and_runs_none(names: Daemon) -> None:
    shell = need("bash", "bash")

    def offered(line: str) -> list[str]:
        done = run(names, shell, "--norc", "-c", BASH, "bash", line)
        assert done.err == ""
        return [one for one in done.out.split("\n") if one]

    def offers(line: str, *found: str) -> None:
        wait_until(lambda: offered(line) == [*found], PATIENCE)

    offers("directorctl host-dow", "host-down")
    offers("directorctl host-down ", "web", "mail")
    offers("directorctl host-down w", "web")
    offers("directorctl host-down web main a", "alpha")
    offers("directorctl explain --cl", "--client")
    (odd,) = wait_until(lambda: offered("directorctl host-down web main m"), PATIENCE)
    assert run(names, shell, "-c", f"printf %s {odd}").out == ODD
    assert run(names, shell, "-c", f"directorctl host-down web main {odd}").exit == 0
    assert names.host(ODD)["state"] == "maint"
    assert not (names.folder / "ran").exists()


def test_zsh_completes_names_of_the_daemon_and_runs_none(names: Daemon) -> None:
    shell = need("zsh", "zsh")

    def is_found(line: str, result: str) -> bool:  # where nothing is, zsh waits for ever
        return run(names, "timeout", "15", shell, "-f", "-c", ZSH, "zsh", line, result).out.strip() == "found"

    def completes(line: str, result: str) -> None:
        wait_until(lambda: is_found(line, result), PATIENCE)

    completes("directorctl host-dow", "host-down ")
    completes("directorctl host-down w", "web ")
    completes("directorctl host-down web main b", "beta ")
    completes("directorctl host-down web main m", r"touch\\ ran")  # the line is scrolled: it is long
    assert not (names.folder / "ran").exists()
