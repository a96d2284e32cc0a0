"""What system tests ask for by name: a director, and hosts behind it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.daemon import ROOT, Daemon
from tests.system.hosts import Echo, Host, Named, Talk


@pytest.fixture
def hosts() -> Iterator[Callable[..., list[Host]]]:
    """`a, b = hosts("a", "b")`: running hosts that say their names; stopped after the test."""
    with ExitStack() as stack:
        yield lambda *names: [stack.enter_context(Host(Named(name))) for name in names]


@pytest.fixture
def serve() -> Iterator[Callable[..., Host]]:
    """`serve(Digest)`, `serve(Echo, address)`: a running host; stopped after the test."""
    with ExitStack() as stack:

        def start(talk: Callable[[], Talk] = Echo, address: str | None = None) -> Host:
            return stack.enter_context(Host(talk, address))

        yield start


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A director not yet started; whatever becomes of it is over after the test."""
    director = Daemon()
    yield director
    director.close()


@pytest.fixture
def copy(daemon: Daemon) -> Path:
    """A copy of our code that the daemon runs from, if told to by PYTHONPATH, and a test may break."""
    folder = daemon.folder / "release"
    for room in ("director", "workers", "control"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    daemon.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return folder
