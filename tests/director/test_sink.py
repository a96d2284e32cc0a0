"""Lines to a descriptor, without ever making anyone wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from director.sink import ROOM, Sink


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.001)


def opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    sink = Sink(opened(tmp_path / "log"))
    for number in range(100):
        assert sink.put(b"%d\n" % number)
    sink.close()
    assert (tmp_path / "log").read_text() == "".join(f"{number}\n" for number in range(100))
    assert sink.dropped == 0


def test_what_a_full_disk_refuses_is_counted() -> None:
    sink = Sink(os.open("/dev/full", os.O_WRONLY))
    sink.put(b"one\ntwo\n")
    until(lambda: sink.dropped == 2)
    sink.put(b"three\n")
    sink.close()
    assert sink.dropped == 3


def test_what_nobody_reads_costs_a_bounded_room_and_no_time() -> None:
    reader, writer = os.pipe()  # blocking: the thread hangs, and nobody else
    sink = Sink(writer)
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
    sink = Sink(fd)
    sink.put(b"before\n")
    new = opened(tmp_path / "new")
    sink.move(new)
    os.close(new)
    sink.put(b"after\n")
    sink.close()
    assert (tmp_path / "old").read_text() == "before\n"
    assert (tmp_path / "new").read_text() == "after\n"
