"""What systemd hears, by a socket of the test's own."""

from __future__ import annotations

import socket
from pathlib import Path

from director.master.notify import Notifier


def listening(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    sock.settimeout(5)
    return sock


def test_what_is_told_is_one_datagram(tmp_path: Path) -> None:
    for name in (str(tmp_path / "s"), f"@director-test-{tmp_path.name}"):
        with listening("\0" + name[1:] if name.startswith("@") else name) as sock:
            Notifier({"NOTIFY_SOCKET": name}).tell("READY=1", "STATUS=fine")
            assert sock.recv(100) == b"READY=1\nSTATUS=fine"


def test_signs_of_life_come_twice_as_often_as_demanded(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with listening(path) as sock:
        notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"})
        notifier.hush(90.0)
        for now in (100.0, 104.9, 105.0, 114.9, 119.9, 120.0, 121.0):
            notifier.alive(now)
        assert [sock.recv(100), sock.recv(100)] == [b"WATCHDOG=1", b"WATCHDOG=1"]
        sock.setblocking(False)
        try:
            assert not sock.recv(100)
        except BlockingIOError:
            pass


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).tell("READY=1")
    Notifier({"WATCHDOG_USEC": "soon"}).alive(1.0)
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
