"""Commands that the table does not have: slow, large and broken ones, and a control socket that has them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent

from control.commands.command import Command, Section
from control.commands.table import COMMANDS
from control.server import Limits
from director.errors import SystemFailure, UsageError
from tests.control.hubs import FakeHub
from tests.control.serving import Served, serving


def progress(hub: Any, args: Any, actor: Any) -> Generator[dict[str, int], None, dict[str, str]]:
    yield {"step": 1}
    yield {"step": 2}
    return {"end": "of it"}


def wait(hub: Any, args: Any, actor: Any) -> dict[str, str]:
    while not hub.may_go_on:
        gevent.sleep(0.01)
    return {"waited": "yes"}


def broken(hub: Any, args: Any, actor: Any) -> None:
    raise ZeroDivisionError


def unknown(hub: Any, args: Any, actor: Any) -> None:
    raise UsageError("unknown host 'x'")


def failing(hub: Any, args: Any, actor: Any) -> None:
    raise SystemFailure("can't write: the disk is full")


def large(hub: Any, args: Any, actor: Any) -> dict[str, str]:
    return {"text": "x" * 5_000_000}


ODD = (
    Command("progress", Section.LOOK, "", progress),
    Command("wait", Section.LOOK, "", wait),
    Command("broken", Section.LOOK, "", broken),
    Command("unknown", Section.LOOK, "", unknown),
    Command("failing", Section.LOOK, "", failing),
    Command("large", Section.LOOK, "", large),
    Command("upload", Section.LOOK, "", lambda hub, args, actor: {}, max_request=16 * 1024 * 1024),
)


class PatientHub(FakeHub):
    """Lets `wait` go on when told."""

    may_go_on = False


@contextmanager
def odd(folder: Path, limits: Limits | None = None) -> Iterator[Served]:
    with serving(PatientHub(), str(folder / "odd.sock"), commands=(*COMMANDS, *ODD), limits=limits) as served:
        yield served
