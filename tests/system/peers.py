"""Programs from elsewhere that a test needs: found, or the test says why it can't run.

With CI set a missing program is a failure: there it must have been installed.
"""

from __future__ import annotations

import glob
import os
import shutil
from typing import NoReturn

import pytest

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *glob.glob("/usr/lib/postgresql/*/bin")])


def need(command: str, package: str) -> str:
    """The path of the program."""
    found = shutil.which(command, path=PATH)
    if found is None:
        _without(f"{command} is missing: apt-get install {package}")
    return found


def need_file(path: str, package: str) -> str:
    if not os.path.exists(path):
        _without(f"{path} is missing: apt-get install {package}")
    return path


def need_root() -> None:
    """For what only root can see happen: a drop of privileges."""
    if os.getuid() != 0:
        pytest.skip("needs root")


def _without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
