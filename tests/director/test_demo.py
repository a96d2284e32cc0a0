"""The demo's hosts and config."""

from __future__ import annotations

import os
import socket
import urllib.request

import psutil

from director import demo


def test_three_hosts_say_their_names_and_end_with_the_lifeline() -> None:
    before = psutil.Process().children()
    ports, lifeline = demo.start_hosts()
    hosts = [child for child in psutil.Process().children() if child not in before]
    for name, port in zip(demo.NAMES, ports, strict=True):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            assert name in answer.read().decode()
    os.close(lifeline)
    # Their end is the end of their listeners; the ports may be other tests' by now.
    assert hosts
    _, alive = psutil.wait_procs(hosts, timeout=10)
    assert alive == []


def test_a_taken_port_gives_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        found = demo.free_ports(port, port, 0)
        assert len(set(found)) == 3 and not {0, port} & set(found)


def test_the_words_name_the_port_and_the_socket() -> None:
    text = demo.what_to_try(8080, 7001, "secret", "/run/x/control.sock")
    assert "http://127.0.0.1:8080/" in text
    assert "http://127.0.0.1:7001/" in text and "user demo, password secret" in text
    assert "directorctl -s /run/x/control.sock stats" in text
    assert "-s '/run/my director/control.sock' stats" in demo.what_to_try(1, 2, "x", "/run/my director/control.sock")
    assert demo.config([1, 2, 3], 8080, 7001, "hash").services[0].enabled == "main"
