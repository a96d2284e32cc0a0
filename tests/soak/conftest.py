"""Only on demand, and each may take long; the fixtures are those of the system tests."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

from tests.system.conftest import copy, daemon, hosts, serve

__all__ = ["copy", "daemon", "hosts", "serve"]

HERE = Path(__file__).parent
LONGEST = 1800.0  # seconds for one of them; the one that is as long as is asked for has so long beside


@pytest.fixture(autouse=True)
def longer(request: pytest.FixtureRequest) -> None:
    """A test that hangs fails, but not as soon as a short one."""
    seconds = LONGEST + 60 * float(os.environ.get("SOAK_MINUTES", "5"))
    faulthandler.dump_traceback_later(seconds, exit=True, file=request.config.stash[fault_handler_stderr_fd_key])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever runs all tests, or names these by their files, does not mean to wait for them."""
    if not os.environ.get("DIRECTOR_SOAK"):
        items[:] = [item for item in items if HERE not in item.path.parents]
