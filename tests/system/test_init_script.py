"""The init script, run as an administrator runs it, in folders of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.system.addresses import accepts, free_address
from tests.system.configs import host, one_service
from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Host


def test_every_action_does_what_lsb_says(daemon: Daemon, serve: Callable[..., Host]) -> None:
    script = daemon.folder / "director.init"
    script.write_bytes((ROOT / "etc/director.init").read_bytes())
    program = daemon.folder / "directord"
    program.write_text(f'#!/bin/sh\nexec {" ".join(daemon.command_line()[:3])} "$@"\n')
    program.chmod(0o755)
    defaults = daemon.folder / "defaults"
    defaults.write_text(f'DAEMON={program}\nOPTIONS="{" ".join(daemon.options)}"\n')

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", str(script), *words],
            env={**daemon.environment, "DEFAULTS": str(defaults)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=90,
        )
        return done.returncode, done.stdout + done.stderr

    address = free_address()
    good = one_service(address, host("a", serve().address), upgrade_probation="0.1s")
    daemon.configure("<director>")
    assert run("start")[0] == 6  # not configured
    daemon.configure(good)
    assert run("status")[0] == 3
    assert run("reload")[0] == 7
    assert run("try-restart")[0] == 0
    assert run("status")[0] == 3
    assert run("stop")[0] == 0
    status, said = run("start")
    assert status == 0, said
    assert accepts(address)
    master = daemon.master
    assert run("start") == (0, f"directord: already running, pid {master}\n")
    assert run("status")[0] == 0
    for word in ("reload", "force-reload"):
        assert run(word)[0] == 0
    daemon.configure("<director>")
    status, said = run("reload")
    assert (status, "config.xml:" in said) == (6, True), said
    assert run("restart")[0] == 6
    assert daemon.master == master
    daemon.configure(good)
    assert run("upgrade")[0] == 0
    assert daemon.master != master
    masters = [daemon.master]
    for word in ("restart", "try-restart"):
        assert run(word)[0] == 0
        assert daemon.master not in masters
        masters.append(daemon.master)
    assert run("stop")[0] == 0
    assert run("status")[0] == 3
    status, said = run("dance")
    assert (status, "Usage:" in said) == (2, True)
    defaults.write_text(f"DAEMON={daemon.folder}/nowhere\n")
    assert run("start")[0] == 5  # not installed
