"""The three cases of the manual, as they stand there, with real servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.following import follow
from tests.system.peers import need


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because sockets lie in it, and open, because servers give up root."""
    made = Path(tempfile.mkdtemp(prefix="case-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_blue_and_green(folder: Path) -> None:
    said = follow("cases.md", folder, "A web application, blue and green").splitlines()
    assert [line for line in said if line.startswith("version")] == ["version 1", "version 2", "version 1"]


def test_postgresql_replicas(folder: Path) -> None:
    need("initdb", "postgresql")
    need("psql", "postgresql-client")
    said = follow("cases.md", folder, "PostgreSQL replicas")
    answers = [line.rpartition(" ")[2] for line in said.splitlines() if line.startswith("port ")]
    assert answers == ["true", "true", "true", "true", "true", "false", "true"], said


def test_redis_with_failover(folder: Path) -> None:
    need("redis-server", "redis-server")
    said = follow("cases.md", folder, "Redis with failover").splitlines()
    assert said.count("hello again") >= 2
