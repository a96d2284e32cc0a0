"""What tests of the control room share: a hub, and its control socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from director import logs
from director.messages import Happened
from tests.control.hubs import FakeHub
from tests.control.serving import Served, serving, short_folder
from tests.control.test_prober import OPEN


@pytest.fixture(autouse=True)
def _no_clinic_stays_open() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture
def served(hub: FakeHub, folder: Path) -> Iterator[Served]:
    with serving(hub, str(folder / "control.sock")) as found:
        yield found


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Messages of the log, as they are told."""
    lines: list[str] = []

    def keep(happened: Happened) -> None:
        lines.append(f"{happened.event}: " + " ".join(f"{key}={value}" for key, value in happened.fields.items()))

    logs.listen(keep)
    yield lines
    logs.listen(None)
