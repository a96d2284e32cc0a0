"""How a daemon was called, seen by calling one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from director.master.invocation import Invocation
from director.places import Places

PLACES = Places("/run/d", "/state", "/etc/d.xml", "/run/d/pid")
PROGRAM = """
import os, sys
from director.master.invocation import Invocation
from director.places import Places
if "again" in sys.argv:
    there = os.path.exists(f"/proc/self/fd/{sys.argv[-1]}")
    print(sys.argv[1:], os.getcwd(), os.environ.get("LISTEN_FDS"), os.environ["MORE"], there)
else:
    fd = os.memfd_create("given")
    one = Invocation.of_this_process()
    os.chdir("/")
    one.execute(Places("/run/d", "/state", None, "/run/d/pid"), ("again", str(fd)), (fd,), MORE="yes")
"""


def test_it_can_be_called_again_from_the_folder_it_was_called_in(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    root = str(Path(__file__).parent.parent.parent.parent)
    environ = {**os.environ, "PYTHONPATH": root, "LISTEN_FDS": "3", "PWD": str(tmp_path)}
    command = [sys.executable, "program", "start"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    fd = done.stdout.split("'again', '")[1].split("'")[0]
    options = ["--run-dir", "/run/d", "--state-dir", "/state", "--pid-file", "/run/d/pid", "again", fd]
    assert done.stdout.strip() == f"{options} {tmp_path} None yes True"


def test_it_can_be_called_again_when_the_folder_it_was_called_in_is_gone(tmp_path: Path) -> None:
    (tmp_path / "program").write_text(PROGRAM.replace('os.chdir("/")', 'os.rmdir(os.getcwd()); os.chdir("/")'))
    (folder := tmp_path / "folder").mkdir()
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent.parent), "PWD": str(folder)}
    command = [sys.executable, str(tmp_path / "program"), "start"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(" / None yes True")


def test_the_limit_of_descriptors_is_what_it_was(tmp_path: Path) -> None:
    program = """
import os, resource, sys
from director.master.invocation import Invocation
from director.master.system import raise_descriptor_limit
from director.places import Places
if "again" in sys.argv:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
else:
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    one = Invocation.of_this_process()
    raise_descriptor_limit()
    one.execute(Places("/run/d", "/state", None, "/run/d/pid"), ("again",), ())
"""
    (tmp_path / "program").write_text(program)
    root = str(Path(__file__).parent.parent.parent.parent)
    environ = {**os.environ, "PYTHONPATH": root, "PWD": str(tmp_path)}
    for limit, found in (("512", "512"), ("100", "256")):  # an interpreter needs some to begin at all
        command = [sys.executable, "program", limit]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == found


def test_the_config_is_named_if_there_is_one() -> None:
    words = Invocation(("python", "-m", "director"), "/").command(PLACES, "preflight")
    assert words[:3] == ["python", "-m", "director"]
    assert words[-3:] == ["--config", "/etc/d.xml", "preflight"]


def test_the_folder_is_known_by_the_name_it_was_entered_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.0").mkdir()
    (tmp_path / "current").symlink_to("1.0")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert Invocation.of_this_process().folder == str(tmp_path / "current")
    monkeypatch.setenv("PWD", "/somewhere/else")
    assert Invocation.of_this_process().folder == str(tmp_path / "1.0")
