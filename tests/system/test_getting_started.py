"""A newcomer follows the page on getting started to the letter, with nothing installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.docs.pages import ROOT, script
from tests.system.addresses import free_address

SOURCES = ("director", "workers", "control", "pyproject.toml", "setup.py", "constraints.txt", "README.md", "LICENSE")


def test_getting_started_ends_with_traffic_balanced(tmp_path: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    text = script(ROOT / "docs" / "getting-started.md")
    for port in sorted(set(re.findall(r"\b808[0-9]\b", text))):
        text = text.replace(port, free_address().rpartition(":")[2])
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)
    ends = "trap 'directord stop >/dev/null 2>&1; kill $(jobs -p) 2>/dev/null' EXIT\n"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(run_dir)}
    # As root the default folders are the machine's: give it some of its own.
    private = "mount -t tmpfs none /run; mount -t tmpfs none /var/lib\n"
    command = ["unshare", "--mount", "bash", "-eu", "-c", private + ends + text]
    if os.geteuid() != 0:
        command = ["bash", "-eu", "-c", ends + text]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert {"one", "two"} <= set(said)
    assert "exit status 78" in said
    assert "exit status 3" in said
