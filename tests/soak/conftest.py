"""Only on demand; the fixtures are those of the system tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.conftest import daemon, hosts, serve

__all__ = ["daemon", "hosts", "serve"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever runs all tests, or names these by their files, does not mean to wait for them."""
    if not os.environ.get("DIRECTOR_SOAK"):
        items[:] = [item for item in items if HERE not in item.path.parents]
