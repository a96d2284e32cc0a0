"""A line of the log: how it looks, and that writing it never fails."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from director import logs
from director.config.model import Logging
from director.events import Event


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    yield
    logs.send_to(Logging(file="stderr"), None, foreground=True)


def to_file(path: Path, level: str = "info", overruled: str | None = None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    logs.send_to(Logging(file=str(path), level=level), fd, foreground=False, level=overruled)


def test_a_line_has_time_process_level_event_and_fields(tmp_path: Path) -> None:
    to_file(tmp_path / "log")
    logs.warning(Event.HOST_DOWN, host="web/main/a", reason='refused by "them"', empty="")
    line = (tmp_path / "log").read_text()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} director\[\d+\] master WARNING "
        r'host down: host=web/main/a reason="refused by \\"them\\"" empty=""\n',
        line,
    )


def test_a_line_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    to_file(tmp_path / "log")
    logs.error(Event.PROCESS_CRASHED, traceback="a\nb\nc")
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_levels_below_the_configured_one_are_left_out(tmp_path: Path) -> None:
    to_file(tmp_path / "log", "warning")
    logs.info(Event.HOST_UP)
    logs.debug(Event.HOST_UP)
    assert (tmp_path / "log").read_text() == ""
    to_file(tmp_path / "log", "warning", "debug")
    logs.debug(Event.HOST_UP)
    assert "host up" in (tmp_path / "log").read_text()


def test_a_full_disk_is_no_error() -> None:
    to_file(Path("/dev/full"))
    logs.error(Event.HOST_DOWN)
    (handler,) = logging.getLogger("director").handlers
    assert getattr(handler, "dropped") == 1  # noqa: B009


def test_a_reopened_log_goes_on_in_the_new_file(tmp_path: Path) -> None:
    to_file(tmp_path / "log")
    (tmp_path / "log").rename(tmp_path / "old")
    logs.reopened(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    logs.info(Event.HOST_UP)
    assert (tmp_path / "old").read_text() == ""
    assert "host up" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("target", "file"),
    [
        (None, False),
        ("stderr", False),
        ("journald", False),
        ("syslog:", False),
        ("syslog:/dev/log", False),
        ("/x", True),
    ],
)
def test_a_target_is_a_file_or_not(target: str | None, file: bool) -> None:
    assert logs.is_file(target) is file
