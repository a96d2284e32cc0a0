"""Datagrams to a syslog that comes and goes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from director import logsocket
from director.logtarget import LogTarget, Wrapping
from tests.syslogs import syslog_at


def test_a_unix_syslog_may_come_late_and_be_restarted(tmp_path: Path) -> None:
    target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
    fd = logsocket.opened(target)
    with pytest.raises(OSError):
        logsocket.send(fd, b"nobody is there", target)
    with syslog_at(tmp_path / "log") as first:
        logsocket.send(fd, b"one", target)
        assert first.recv(100) == b"one"
    (tmp_path / "log").unlink()
    with syslog_at(tmp_path / "log") as second:
        logsocket.send(fd, b"two", target)
        assert second.recv(100) == b"two"
    os.close(fd)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_syslog_is_reached_by_udp(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind((host, 0))
        server.settimeout(10)
        target = LogTarget(Wrapping.RFC5424, socket=host, port=server.getsockname()[1])
        fd = logsocket.opened(target)
        logsocket.send(fd, b"one", target)
        assert server.recv(100) == b"one"
        os.close(fd)


def test_a_syslog_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
    with syslog_at(tmp_path / "log"):
        fd = logsocket.opened(target)
        with pytest.raises(BlockingIOError):
            for _ in range(100_000):
                logsocket.send(fd, b"x" * 1000, target)
        os.close(fd)
