"""Lines to a descriptor, without ever making anyone wait."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from director import logsocket
from director.logtarget import LogTarget, Wrapping
from director.sink import ROOM, Sink, Trouble
from tests.syslogs import syslog_at
from tests.waiting import wait_until

PLAIN = LogTarget(Wrapping.PLAIN)


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    sink = Sink(opened(tmp_path / "log"), PLAIN)
    for number in range(100):
        assert sink.put(b"%d\n" % number)
    sink.close()
    assert (tmp_path / "log").read_text() == "".join(f"{number}\n" for number in range(100))
    assert sink.dropped == 0


def test_what_a_full_disk_refuses_is_counted() -> None:
    sink = Sink(os.open("/dev/full", os.O_WRONLY), PLAIN)
    sink.put(b"one\ntwo\n")
    wait_until(lambda: sink.dropped == 2)
    sink.put(b"three\n")
    sink.close()
    assert sink.dropped == 3


def test_what_nobody_reads_costs_a_bounded_room_and_no_time() -> None:
    reader, writer = os.pipe()  # blocking: the thread hangs, and nobody else
    sink = Sink(writer, PLAIN)
    chunk = b"x" * 65535 + b"\n"
    begun = time.monotonic()
    put = sum(sink.put(chunk) for _ in range(100))
    assert time.monotonic() - begun < 1.0
    assert put <= ROOM // len(chunk) + 2
    assert sink.dropped == 100 - put
    got = 0
    while got < put * len(chunk):
        got += len(os.read(reader, 1 << 20))
    sink.close()
    os.close(reader)
    os.close(writer)


def test_what_was_put_before_a_move_goes_where_it_did(tmp_path: Path) -> None:
    fd = opened(tmp_path / "old")
    sink = Sink(fd, PLAIN)
    sink.put(b"before\n")
    new = opened(tmp_path / "new")
    sink.move(new)
    os.close(new)
    sink.put(b"after\n")
    wait_until(lambda: sink.settled and not sink.waiting)
    assert (tmp_path / "old").read_text() == "before\n"
    sink.close()
    assert (tmp_path / "old").read_text() == "before\n"
    assert (tmp_path / "new").read_text() == "after\n"


def test_a_socket_gets_each_line_as_a_datagram(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        syslog.settimeout(10)
        target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.connect(target.socket)
        sink = Sink(ours.fileno(), target)
        sink.put(b"one\ntwo\n")
        assert [syslog.recv(100), syslog.recv(100)] == [b"one", b"two"]
        sink.close()
        ours.close()


def test_a_syslog_that_is_busy_is_waited_for(tmp_path: Path) -> None:
    target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
    lines = [b"%d" % number for number in range(1000)]  # its socket has room for a few
    with syslog_at(tmp_path / "log") as syslog:
        fd = logsocket.opened(target)
        sink = Sink(fd, target)
        sink.put(b"\n".join(lines) + b"\n")
        assert [syslog.recv(100) for _ in lines] == lines
        sink.close()
    os.close(fd)


def test_lines_are_kept_for_a_syslog_that_is_restarted(tmp_path: Path) -> None:
    target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
    with syslog_at(tmp_path / "log") as first:
        fd = logsocket.opened(target)
        sink = Sink(fd, target)
        sink.put(b"one\n")
        assert first.recv(100) == b"one"
    sink.put(b"two\n")
    (tmp_path / "log").unlink()
    with syslog_at(tmp_path / "log") as second:
        sink.put(b"three\n")
        assert [second.recv(100), second.recv(100)] == [b"two", b"three"]
    sink.close()
    os.close(fd)


def test_a_syslog_that_takes_nothing_is_waited_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("director.sink._PATIENCE", 0.5)
    target = LogTarget(Wrapping.RFC5424, socket=str(tmp_path / "log"))
    with syslog_at(tmp_path / "log") as syslog:
        fd = logsocket.opened(target)
        sink = Sink(fd, target)
        sink.put(b"x\n" * 10_000)
        wait_until(lambda: not sink.waiting)
        syslog.setblocking(False)
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while syslog.recv(100):
                taken += 1
        assert sink.dropped + taken == 10_000
        sink.put(b"late\n")
        wait_until(lambda: not sink.waiting)
        assert syslog.recv(100) == b"late"
        sink.close()
    os.close(fd)


def test_a_sink_that_is_left_closes_its_descriptor_when_all_is_written(tmp_path: Path) -> None:
    fd = opened(tmp_path / "log")
    sink = Sink(fd, PLAIN)
    sink.put(b"last\n")
    sink.leave()

    def gone() -> bool:
        try:
            return os.readlink(f"/proc/self/fd/{fd}") != str(tmp_path / "log")
        except FileNotFoundError:
            return True

    wait_until(gone)
    assert (tmp_path / "log").read_text() == "last\n"


def test_trouble_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    trouble = Trouble()
    assert trouble.turn(0.0) is None
    trouble.lost(3, "No space left on device")
    assert trouble.turn(1.0) == 0
    trouble.lost(2, "No space left on device")
    assert trouble.turn(2.0) is None
    trouble.written += 1
    assert trouble.turn(3.0) is None  # too soon to be sure
    trouble.written += 1
    assert trouble.turn(9.0) == 5
    trouble.written += 1
    assert trouble.turn(10.0) is None
    trouble.lost(1, "it is too slow")
    assert [trouble.turn(11.0), trouble.turn(30.0)] == [0, None]  # silence is no proof
    trouble.written += 1
    assert trouble.turn(31.0) == 1


LIMITED = """
import os, resource, sys
from director import logs
import pytest

from director.logtarget import LogTarget, Wrapping
from tests.syslogs import syslog_at
from director.sink import Sink
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
writer = {"sink": Sink, "direct": logs.Direct}[sys.argv[2]](fd, LogTarget(Wrapping.PLAIN))
for _ in range(int(sys.argv[3])):
    writer.put(b"".join(b"%063d\\n" % number for number in range(int(sys.argv[4]))))
writer.close()
print(writer.trouble.dropped)
"""


@pytest.mark.parametrize(("kind", "times", "lines"), [("sink", 1, 30), ("sink", 3, 10), ("direct", 30, 1)])
def test_half_a_line_that_a_full_disk_took_is_taken_back(tmp_path: Path, kind: str, times: int, lines: int) -> None:
    """The kernel takes 1000 bytes: 15 lines and a half."""
    words = [sys.executable, "-c", LIMITED, str(tmp_path / "log"), kind, str(times), str(lines)]
    dropped = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    written = (tmp_path / "log").read_text().splitlines(keepends=True)
    assert [len(line) for line in written] == [64] * 15
    assert int(dropped) == 30 - 15
