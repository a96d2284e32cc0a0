"""First bytes that go along with the first packet to a host, in a network of its own where the kernel allows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.peers import need

# Both hosts greet, and say back what they hear. Host a is asked first, and goes away at the end.
SCRIPT = """
import socket, subprocess, threading
from pathlib import Path
from tests.system.daemon import Daemon

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/tcp_fastopen").write_text("3")

def host(name, port):
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.sendall(name + b"\\n")
            client.sendall(client.recv(100))
            client.close()
    threading.Thread(target=serve, daemon=True).start()
    return listener

def ask(word, port=7000):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        if word:
            client.sendall(word)
        heard = client.recv(2)
        if not word:
            client.sendall(b"late")
            word = b"late"
        while len(heard) < 2 + len(word) and (more := client.recv(100)):
            heard += more
        return heard

def went_along():
    names, counts, *_ = Path("/proc/net/netstat").read_text().splitlines()
    return int(dict(zip(names.split(), counts.split()))["TCPFastOpenActive"])

one, two = host(b"a", 7001), host(b"b", 7002)
daemon = Daemon()
try:
    daemon.start('''<director workers="1"><service name="s"><listen ip="127.0.0.1:7000"/>
      <listen ip="127.0.0.1:7003" defer-accept="5s"/>
      <group name="main" scheduler="first"><host name="a" ip="127.0.0.1:7001" fast-open="yes"/>
      <host name="b" ip="127.0.0.1:7002"/></group></service></director>''')
    for _ in range(10):  # accepted once its bytes are there, however busy the client is; the first has no cookie yet
        assert ask(b"early", 7003) == b"a\\nearly"
        if went_along() > 1:
            break
    else:
        raise AssertionError("nothing went with a first packet")
    assert [ask(b"") for _ in range(3)] == [b"a\\nlate"] * 3, "the host speaks first"
    one.shutdown(socket.SHUT_RDWR)
    one.close()
    assert [ask(b"again") for _ in range(3)] == [b"b\\nagain"] * 3, "who refuses is passed over"
finally:
    daemon.close()
print("all is well")
"""


def test_a_client_notices_nothing_of_fast_open() -> None:
    unshare = need("unshare", "util-linux")
    root = Path(__file__).parents[2]
    command = [unshare, "--net", sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    if "unshare failed" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.stdout.endswith("all is well\n"), done.stdout + done.stderr
