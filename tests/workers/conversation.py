"""A relayed connection as a test plays it: two ends that send, read, pause, finish and reset as they are told."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import gevent
from hypothesis import strategies

from workers.pipe import Pipe, Pipes

RESET = struct.pack("ii", 1, 0)
_AT_ONCE = 65536  # bytes


@dataclass
class End:
    """One end. `sent` is what the kernel took, `got` what came."""

    sock: socket.socket
    sent: bytearray = field(default_factory=bytearray)
    got: bytearray = field(default_factory=bytearray)
    finished: bool = False  # sends nothing more
    over: bool = False  # saw the end of what it receives
    gone: bool = False  # broken, by itself or by the relay

    def send(self, data: bytes) -> None:
        """All of it that there is room for."""
        while data and not self.finished and not self.gone:
            try:
                count = self.sock.send(data)
            except BlockingIOError:
                gevent.sleep(0)
                return
            except OSError:
                self.gone = True
                return
            self.sent += data[:count]
            data = data[count:]

    def receive(self, most: int | None = None) -> None:
        """What is there, or at most so many bytes of it."""
        while not self.over and not self.gone and most != 0:
            try:
                data = self.sock.recv(_AT_ONCE if most is None else min(most, _AT_ONCE))
            except BlockingIOError:
                return
            except OSError:
                self.gone = True
                return
            self.got += data
            self.over = not data
            if most is not None:
                most -= len(data)

    def finish(self) -> None:
        """Say that nothing more comes."""
        if not self.finished and not self.gone:
            self.finished = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.gone = True

    def reset(self) -> None:
        """Leave without a word: TCP sends a reset, a unix socket one too if bytes were left unread."""
        if not self.gone:
            self.gone = True
            if self.sock.family != socket.AF_UNIX:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.sock.close()


@dataclass(frozen=True)
class Step:
    """One thing that happens. `size`: bytes to send, or to read at most."""

    action: str
    at_client: bool
    size: int

    def play(self, client: End, host: End) -> None:
        end = client if self.at_client else host
        match self.action:
            case "send":
                end.send(os.urandom(self.size))
            case "receive":
                end.receive()
            case "sip":
                end.receive(self.size)
            case "pause":  # nobody reads, and the relay has its turns
                gevent.sleep(0.001)
            case "finish":
                end.finish()
            case "reset":
                end.reset()


# Most conversations come to their end in order; a reset is one step among forty.
_ACTIONS = ["send"] * 14 + ["receive"] * 6 + ["sip"] * 8 + ["pause"] * 8 + ["finish"] * 3 + ["reset"]
STEPS: strategies.SearchStrategy[list[Step]] = strategies.lists(
    strategies.builds(
        Step,
        strategies.sampled_from(_ACTIONS),
        strategies.booleans(),
        strategies.sampled_from([1, 7, 1000, 16_384, 70_000, 600_000]) | strategies.integers(1, 300_000),
    ),
    max_size=40,
)


def play(steps: Sequence[Step], client: End, host: End) -> None:
    """All steps, and then both ends have nothing more to say."""
    for step in steps:
        step.play(client, host)
    client.finish()
    host.finish()


class Scarce(Pipes):
    """Pipes of a kernel that refuses them now and then: with probability `refusal`, from 0 to 1."""

    def __init__(self, refusal: float, chance: random.Random) -> None:
        super().__init__()
        self._refusal = refusal
        self._chance = chance
        self.lent = 0

    def take(self) -> Pipe | None:
        if self._chance.random() < self._refusal:
            return None
        self.lent += 1
        return super().take()
