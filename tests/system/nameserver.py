"""Name servers on the loopback: a real dnsmasq, and one that answers as a test wants.

with Dnsmasq() as server: server.say("app.test=10.0.0.1", ttl=1)
with OddServer(lambda query: None) as server: ...     never answers
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import dns.message

from tests.system.addresses import free_address
from tests.system.peers import need
from tests.waiting import wait_until


class Dnsmasq:
    """A dnsmasq that knows what it is told by `say`, in the words of its configuration."""

    def __init__(self) -> None:
        self.address = free_address()
        self._folder = tempfile.TemporaryDirectory(prefix="dns-", dir="/tmp")
        self._process: subprocess.Popen[bytes] | None = None
        self._words: tuple[str, ...] = ()

    def say(self, *words: str) -> None:
        """Know just this from now on: `address=/app.test/10.0.0.1`, `srv-host=...`."""
        self._words = words
        if self._process is not None:
            self.stop()
        host, _, port = self.address.rpartition(":")
        file = Path(self._folder.name, "dnsmasq.conf")
        lines = ("no-resolv", "no-hosts", "bind-interfaces", "local-ttl=1", "user=", "group=", "edns-packet-max=512")
        file.write_text("\n".join([*lines, f"listen-address={host}", f"port={port}", "local=/test/", *words, ""]))
        self._process = subprocess.Popen(
            [need("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", f"--conf-file={file}", "--pid-file="],
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def start(self) -> None:
        """Again, with what it knew."""
        self.say(*self._words)

    def stop(self) -> None:
        """Gone: questions are refused by the kernel."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Alive, but silent."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def _answers(self) -> bool:
        host, _, port = self.address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.connect((host, int(port)))
            sock.send(dns.message.make_query("test.", "A").to_wire())
            return bool(sock.recv(512))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()


Reply = Callable[[dns.message.Message, bool], dns.message.Message | bytes | None]


class OddServer:
    """Answers each question with what `reply(query, by_tcp)` returns: a message, bytes, or nothing.

    Without `udp` it refuses what comes by that.
    """

    def __init__(self, reply: Reply, udp: bool = True) -> None:
        self.reply = reply
        self.asked = 0
        self.address = free_address()
        host, _, port = self.address.rpartition(":")
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((host, int(port)))
        self._tcp = socket.create_server((host, int(port)))
        serving = (self._serve_udp, self._serve_tcp) if udp else (self._serve_tcp,)
        self._threads = [threading.Thread(target=run, daemon=True) for run in serving]
        if not udp:
            self._udp.close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._udp, self._tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # a datagram socket is not connected; its thread is woken nevertheless
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _answer(self, wire: bytes, by_tcp: bool) -> bytes | None:
        self.asked += 1
        found = self.reply(dns.message.from_wire(wire), by_tcp)
        return found.to_wire(max_size=65535) if isinstance(found, dns.message.Message) else found

    def _serve_udp(self) -> None:
        while True:
            wire, sender = self._udp.recvfrom(65535)
            if not wire:
                return
            found = self._answer(wire, False)
            if found is not None:
                try:
                    self._udp.sendto(found, sender)
                except BrokenPipeError:
                    return  # told to end meanwhile

    def _serve_tcp(self) -> None:
        while True:
            try:
                client, _ = self._tcp.accept()
            except OSError:
                return
            with client:
                length = client.recv(2)
                if not length:
                    continue  # who called has nothing to ask any more
                found = self._answer(client.recv(int.from_bytes(length, "big")), True)
                if found is not None:
                    client.sendall(struct.pack(">H", len(found)) + found)
