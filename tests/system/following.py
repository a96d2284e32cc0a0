"""Follows a page of the manual to the letter: its shell blocks, in order, as one script."""

from __future__ import annotations

import faulthandler
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, script
from tests.system.addresses import LOOPBACK, free_address

_PORT = re.compile(r"(?<![\w.])(?:808\d|809\d|543\d|544\d|639\d|700\d|8443)(?!\w)")
# As root the default folders are the machine's: give it some of its own.
_PRIVATE = "mount -t tmpfs none /run; mount -t tmpfs none /var/lib\n"
_ENDS = "trap 'directord stop >/dev/null 2>&1; kill $(jobs -p) 2>/dev/null || true' EXIT\n"


def follow(page: str, folder: Path, section: str | None = None, *, installed: bool = True) -> str:
    """What the page's blocks printed, or those of one section of it. Every command of them must succeed.

    Address and ports are others than the page's, the folder is the one that is given.
    director is the one under test; `installed=False`: there is none.
    """
    # A page that installs has a time limit of its own: on a busy machine that takes minutes.
    faulthandler.cancel_dump_traceback_later()
    text = script(ROOT / "docs" / page, section)
    for port in sorted(set(_PORT.findall(text))):
        text = re.sub(rf"(?<![\w.]){port}(?!\w)", free_address().rpartition(":")[2], text)
    text = text.replace("127.0.0.1", LOOPBACK)
    run_dir = folder / "run"
    run_dir.mkdir(mode=0o700)
    ours = [str(Path(sys.executable).parent)] if installed else []
    path = os.pathsep.join([*ours, os.environ["PATH"], "/usr/sbin", "/sbin"])
    env = {"PATH": path, "HOME": str(folder), "XDG_RUNTIME_DIR": str(run_dir), "LC_ALL": "C.UTF-8"}
    command = ["unshare", "--mount", "bash", "-eu", "-c", _PRIVATE + _ENDS + text]
    if os.geteuid() != 0:
        command = ["bash", "-eu", "-c", _ENDS + text]
    with (folder / "said").open("w+") as said:
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=900
        )
        said.seek(0)
        printed = said.read()
    assert done.returncode == 0, printed
    return printed
