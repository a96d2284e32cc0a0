"""A line of the log: how it looks, and that writing it never fails."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from director import logs
from director.config.model import Logging
from director.errors import SystemFailure
from director.events import Event


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    yield
    logs.open_log(Logging(file="stderr"), foreground=True)


def test_a_line_has_time_process_level_event_and_fields(tmp_path: Path) -> None:
    logs.open_log(Logging(file=str(tmp_path / "log")), foreground=False)
    logs.warning(Event.HOST_DOWN, host="web/main/a", reason='refused by "them"', empty="")
    line = (tmp_path / "log").read_text()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} director\[\d+\] master WARNING "
        r'host down: host=web/main/a reason="refused by \\"them\\"" empty=""\n',
        line,
    )


def test_a_line_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    logs.open_log(Logging(file=str(tmp_path / "log")), foreground=False)
    logs.error(Event.PROCESS_CRASHED, traceback="a\nb\nc")
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_levels_below_the_configured_one_are_left_out(tmp_path: Path) -> None:
    logs.open_log(Logging(file=str(tmp_path / "log"), level="warning"), foreground=False)
    logs.info(Event.HOST_UP)
    logs.debug(Event.HOST_UP)
    assert (tmp_path / "log").read_text() == ""
    logs.open_log(Logging(file=str(tmp_path / "log"), level="warning"), foreground=False, level="debug")
    logs.debug(Event.HOST_UP)
    assert "host up" in (tmp_path / "log").read_text()


def test_a_full_disk_is_no_error() -> None:
    logs.open_log(Logging(file="/dev/full"), foreground=False)
    logs.error(Event.HOST_DOWN)
    (handler,) = logging.getLogger("director").handlers
    assert getattr(handler, "dropped") == 1  # noqa: B009


def test_a_file_that_can_not_be_opened_leaves_the_log_where_it_was(tmp_path: Path) -> None:
    logs.open_log(Logging(file=str(tmp_path / "log")), foreground=False)
    with pytest.raises(SystemFailure, match="can't open log file"):
        logs.open_log(Logging(file=str(tmp_path / "no" / "log")), foreground=False)
    logs.info(Event.HOST_UP)
    assert "host up" in (tmp_path / "log").read_text()
