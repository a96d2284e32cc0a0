"""What this process logs: which events, where to, and that it never fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from director import logs
from director.events import Event
from director.logtarget import LogSetup, LogTarget, Wrapping
from director.messages import Happened

PLAIN = LogTarget(Wrapping.PLAIN)


def setup(level: str = "info", format: str = "text") -> LogSetup:
    return LogSetup(level, format, PLAIN, None, "lb1")


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    yield
    logs.listen(None)
    logs.send_to(logs.STDERR, setup())


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def to_file(path: Path, level: str = "info", format: str = "text") -> None:
    logs.send_to(opened(path), setup(level, format))


def test_an_event_is_a_line(tmp_path: Path) -> None:
    to_file(tmp_path / "log")
    logs.warning(Event.HOST_DOWN, host="web/main/a", errno=111)
    assert (tmp_path / "log").read_text().endswith(" master WARNING host down: host=web/main/a errno=111\n")


def test_levels_below_the_one_in_force_are_left_out(tmp_path: Path) -> None:
    to_file(tmp_path / "log", "warning")
    logs.info(Event.HOST_UP)
    logs.debug(Event.HOST_UP)
    assert (tmp_path / "log").read_text() == ""
    logs.set_level("debug")
    logs.debug(Event.HOST_UP)
    assert "host up" in (tmp_path / "log").read_text()


def test_a_subsystem_may_have_a_level_of_its_own(tmp_path: Path) -> None:
    to_file(tmp_path / "log", "warning")
    logs.set_level("debug", "host")
    logs.set_level("error", "limit")
    logs.debug(Event.HOST_UP)
    logs.info(Event.PROCESS_READY)
    logs.warning(Event.LIMIT_NEAR)
    assert [line.split()[4:] for line in (tmp_path / "log").read_text().splitlines()] == [["host", "up"]]
    assert logs.levels() == {"": "warning", "host": "debug", "limit": "error"}
    logs.set_level("info")
    assert logs.levels() == {"": "info"}


def test_every_subsystem_is_the_first_word_of_an_event() -> None:
    assert "host" in logs.SUBSYSTEMS and "process" in logs.SUBSYSTEMS
    assert all(subsystem.isalpha() for subsystem in logs.SUBSYSTEMS)


def test_who_listens_hears_all_but_debugging_whatever_the_level_is(tmp_path: Path) -> None:
    to_file(tmp_path / "log", "error")
    heard: list[Happened] = []
    logs.listen(heard.append)
    logs.info(Event.HOST_UP, host="a")
    logs.debug(Event.HOST_UP)
    assert [(one.level, one.event, one.fields) for one in heard] == [("info", "host up", {"host": "a"})]
    logs.name_process("hub")
    logs.info(Event.HOST_UP)
    assert len(heard) == 1


def test_a_full_disk_is_no_error_and_is_told_once_each_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    to_file(Path("/dev/full"))
    logs.error(Event.HOST_DOWN)
    logs.error(Event.HOST_DOWN)
    assert logs.trouble().dropped == 2
    heard: list[Happened] = []
    logs.listen(heard.append)
    logs.tend()
    logs.tend()
    assert [(one.event, one.fields["reason"]) for one in heard] == [("log failed", "No space left on device")]


def test_a_moved_log_goes_on_in_the_new_file_in_its_form(tmp_path: Path) -> None:
    to_file(tmp_path / "old")
    logs.aside()
    logs.info(Event.HOST_UP)
    logs.moved(opened(tmp_path / "new"))
    logs.info(Event.HOST_DOWN)
    logs.moved(opened(tmp_path / "last"), setup("error", "json"))
    logs.info(Event.HOST_DOWN)
    logs.error(Event.HOST_DOWN)
    logs.close()
    assert (tmp_path / "old").read_text().endswith("host up\n")
    assert (tmp_path / "new").read_text().endswith("host down\n")
    (line,) = (tmp_path / "last").read_text().splitlines()
    assert json.loads(line)["level"] == "error"
