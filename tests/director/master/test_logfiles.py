"""The files that only the master opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from director import logs
from director.config.model import Logging
from director.errors import SystemFailure
from director.logtarget import LogTarget, Wrapping
from director.master.logfiles import LogFiles, open_file, setup_of
from director.messages import LogFile, Reopen


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    yield
    logs.send_to(logs.STDERR, setup_of(Logging(file="stderr"), foreground=True))


def both(folder: Path) -> LogFiles:
    config = Logging(file=str(folder / "log"), connections=str(folder / "connections"))
    return LogFiles.of(config, foreground=False)


def test_files_are_opened_for_appending(tmp_path: Path) -> None:
    (tmp_path / "connections").write_text("before\n")
    files = both(tmp_path)
    os.write(files.connections, b"after\n")
    assert (tmp_path / "connections").read_text() == "before\nafter\n"
    files.close()


def test_reopened_files_keep_their_descriptors(tmp_path: Path) -> None:
    files = both(tmp_path)
    before = dict(files.descriptors)
    (tmp_path / "connections").rename(tmp_path / "old")
    message, fds = files.reopen(7)
    assert message == Reopen((LogFile.LOG, LogFile.CONNECTIONS), number=7)
    assert files.descriptors == before
    os.write(files.connections, b"new\n")
    os.write(fds[1], b"child\n")
    assert (tmp_path / "connections").read_text() == "new\nchild\n"
    assert (tmp_path / "old").read_text() == ""
    for fd in fds:
        os.close(fd)
    files.close()


def test_what_can_not_be_opened_leaves_all_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="can't open log file"):
        LogFiles.of(
            Logging(file=str(tmp_path / "log"), connections=str(tmp_path / "no" / "connections")), foreground=False
        )
    files = both(tmp_path)
    files.setup = replace(files.setup, connections=LogTarget(Wrapping.PLAIN, path=str(tmp_path / "no" / "connections")))
    with pytest.raises(SystemFailure):
        files.reopen(7)
    os.write(files.connections, b"still here\n")
    assert (tmp_path / "connections").read_text() == "still here\n"
    files.close()


def test_without_a_target_there_is_no_connection_log() -> None:
    assert LogFiles.of(Logging(), foreground=True).connections == -1


def test_connections_may_go_to_stderr() -> None:
    files = LogFiles.of(Logging(connections="stderr"), foreground=True)
    assert files.connections > 2
    assert files.reopen(7) == (Reopen((), number=7), [])
    files.close()


def test_a_pipe_that_nobody_reads_opens_and_takes_what_it_can(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    fd = open_file(str(tmp_path / "pipe"))
    os.write(fd, b"x")
    with pytest.raises(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4096)
    os.close(fd)


def test_a_log_goes_to_stderr_in_the_foreground_else_to_syslog() -> None:
    assert setup_of(Logging(), foreground=True).log == LogTarget(Wrapping.PLAIN)
    background = setup_of(Logging(), foreground=False).log
    assert background.socket == "/dev/log" if os.path.exists("/dev/log") else background == LogTarget(Wrapping.PLAIN)


def test_the_journal_is_known_by_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert setup_of(Logging(), foreground=True).log.wrapping is Wrapping.PRIORITY
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
    assert setup_of(Logging(), foreground=True).log.wrapping is Wrapping.PLAIN


def test_children_that_worked_with_other_logs_get_all_and_how_they_look(tmp_path: Path) -> None:
    files = both(tmp_path)
    message, fds = files.introduction()
    assert message == Reopen((LogFile.LOG, LogFile.CONNECTIONS), files.setup)
    assert fds == list(files.descriptors.values())
    files.close()


def test_a_name_of_a_syslog_that_is_not_known_is_told() -> None:
    with pytest.raises(SystemFailure, match=r"can't open log to no\.such\.host\.invalid"):
        LogFiles.of(Logging(file="syslog:no.such.host.invalid:514"), foreground=False)
