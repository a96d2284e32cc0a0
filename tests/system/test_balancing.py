"""Who gets a connection, over which kinds of socket, and that every byte arrives."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.system.addresses import (
    ask_name,
    connect,
    free_address,
    is_closed_at_once,
    listen,
    parse,
    read_all,
    read_line,
)
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import Daemon
from tests.system.hosts import Digest, Echo, Host, Named, Source
from tests.system.peers import need
from tests.waiting import keep_watching, wait_until

Hosts = Callable[..., list[Host]]
Serve = Callable[..., Host]

# The whole of it by `make soak`, a fifth by `make test`.
BULK = (1000 if os.environ.get("DIRECTOR_SOAK") else 200) << 20  # bytes


def names(address: str, count: int) -> Counter[str]:
    """Who answered that many connections, one after the other."""
    return Counter(ask_name(address) for _ in range(count))


@contextmanager
def held(address: str, count: int) -> Iterator[Counter[str]]:
    """Who answered that many connections that stay open."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(count)]
        yield Counter(read_line(client) for client in clients)


# -- schedulers -----------------------------------------------------------------


def test_roundrobin_gives_each_host_the_same(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b, c = hosts("a", "b", "c")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address), host("c", c.address)))
    answers = names(address, 60)
    assert all(abs(answers[name] - 20) <= 2 for name in "abc"), answers


@pytest.mark.parametrize("scheduler", ["leastconns", "leastconnsrr"])
def test_leastconns_levels_what_is_open(daemon: Daemon, hosts: Hosts, scheduler: str) -> None:
    address = free_address()
    a, b, c = hosts("a", "b", "c")
    config = one_service(address, host("a", a.address), host("b", b.address), host("c", c.address), scheduler=scheduler)
    daemon.start(config)
    with held(address, 60) as answers:
        assert all(abs(answers[name] - 20) <= 2 for name in "abc"), answers


@pytest.mark.parametrize("scheduler", ["random", "leastconns", "leastconnsrr"])
def test_the_name_that_sorts_first_has_no_advantage(daemon: Daemon, hosts: Hosts, scheduler: str) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address), scheduler=scheduler))
    answers = names(address, 120)
    assert min(answers["a"], answers["b"]) >= 30, answers


@pytest.mark.parametrize("scheduler", ["roundrobin", "leastconns", "leastconnsrr"])
@pytest.mark.parametrize(("one", "other"), [("3", "1"), ("1.5", "0.5")])
def test_weights_share_out_what_is_open(daemon: Daemon, hosts: Hosts, scheduler: str, one: str, other: str) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    config = one_service(
        address, host("a", a.address, weight=one), host("b", b.address, weight=other), scheduler=scheduler
    )
    daemon.start(config)
    with held(address, 80) as answers:
        assert abs(answers["a"] - 60) <= 4, answers


def test_weights_share_out_random(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    hosts_in_xml = host("a", a.address, weight=3), host("b", b.address)
    daemon.start(one_service(address, *hosts_in_xml, scheduler="random"))
    answers = names(address, 400)
    assert abs(answers["a"] - 300) <= 50, answers  # six standard deviations


@pytest.mark.parametrize("scheduler", ["random", "roundrobin", "leastconns", "leastconnsrr"])
def test_weight_0_gets_nothing_new(daemon: Daemon, hosts: Hosts, scheduler: str) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address, weight=0), host("b", b.address), scheduler=scheduler))
    assert names(address, 20) == {"b": 20}


def test_a_backup_serves_only_when_no_other_host_can(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, spare = hosts("a", "spare")
    daemon.start(one_service(address, host("spare", spare.address, backup="yes"), host("a", a.address)))
    assert names(address, 10) == {"a": 10}
    a.stop()
    assert names(address, 10) == {"spare": 10}


def test_each_service_has_its_own_hosts_and_addresses(daemon: Daemon, hosts: Hosts) -> None:
    first, second, third = free_address(), free_address(), free_address()
    a, b = hosts("a", "b")
    daemon.start(
        director(
            service([first, second], group(host("a", a.address)), name="one"),
            service(third, group(host("b", b.address)), name="two"),
        )
    )
    assert [ask_name(address) for address in (first, second, third)] == ["a", "a", "b"]


def test_the_enabled_group_serves(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    main, then = group(host("a", a.address)), group(host("b", b.address), name="next")
    daemon.start(director(service(address, main, then, enable="next")))
    assert names(address, 10) == {"b": 10}


# -- hosts that fail ------------------------------------------------------------


def test_no_client_sees_the_host_that_refuses(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    (b,) = hosts("b")
    daemon.start(one_service(address, host("a", free_address()), host("b", b.address)))
    assert names(address, 40) == {"b": 40}

    def is_told() -> bool:
        a = daemon.host("a")
        return bool(a["state"] == "down" and a["faults"]["connect_refused"] >= 1)

    wait_until(is_told)
    assert daemon.host("b")["state"] == "up"


def test_no_client_sees_a_host_going_away(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address)))
    assert set(names(address, 20)) == {"a", "b"}
    a.stop()
    assert names(address, 40) == {"b": 40}


def test_a_host_that_came_back_gets_its_share_after_checktime(daemon: Daemon, hosts: Hosts) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    config = one_service(address, host("a", a.address), host("b", b.address))
    daemon.start(config.replace("<logging", '<checktime time="1"/><logging'))
    a.stop()
    assert names(address, 20) == {"b": 20}
    a.start()
    wait_until(lambda: ask_name(address) == "a", timeout=10)
    wait_until(lambda: daemon.host("a")["state"] == "up")
    assert names(address, 20)["a"] >= 8


@pytest.mark.fault(17)
def test_a_host_that_does_not_answer_costs_no_more_than_the_connect_timeout(daemon: Daemon, hosts: Hosts) -> None:
    address, hole = free_address(), free_address()
    (b,) = hosts("b")
    with listen(hole, backlog=0), ExitStack() as stack:
        for _ in range(8):  # the queue of the listener is full from then on
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(parse(hole)[1])
        main = group(host("a", hole), host("b", b.address))
        daemon.start(director(service(address, main, connect_timeout="0.5s")))
        began = time.monotonic()
        assert names(address, 4) == {"b": 4}
        assert time.monotonic() - began < 6
        wait_until(lambda: daemon.host("a")["faults"]["connect_timeout"] >= 1)


def test_with_all_hosts_down_clients_are_closed_at_once_until_one_is_back(daemon: Daemon, serve: Serve) -> None:
    address, a, b = free_address(), free_address(), free_address()
    daemon.start(one_service(address, host("a", a), host("b", b)))
    for _ in range(20):
        assert is_closed_at_once(address)
    serve(Named("b"), b)
    wait_until(lambda: is_answered(address, "b"), timeout=5)


def test_an_empty_group_closes_clients_at_once(daemon: Daemon) -> None:
    address = free_address()
    daemon.start(one_service(address))
    assert is_closed_at_once(address)


def is_answered(address: str, name: str) -> bool:
    try:
        return ask_name(address) == name
    except ConnectionError:
        return False


# -- kinds of socket ------------------------------------------------------------


def test_ipv6_on_both_sides(daemon: Daemon, serve: Serve) -> None:
    address = free_address("::1")
    a = serve(Named("a"), free_address("::1"))
    daemon.start(one_service(address, host("a", a.address)))
    assert names(address, 10) == {"a": 10}


def test_unix_sockets_on_both_sides(daemon: Daemon, serve: Serve) -> None:
    address = f"unix:{daemon.folder}/web.sock"
    a = serve(Named("a"), f"unix:{daemon.folder}/a.sock")
    daemon.start(one_service(address, host("a", a.address)))
    assert names(address, 10) == {"a": 10}
    daemon.stop()
    assert not os.path.exists(f"{daemon.folder}/web.sock")


def test_one_service_at_addresses_of_every_kind(daemon: Daemon, hosts: Hosts) -> None:
    listens = [free_address(), free_address("::1"), f"unix:{daemon.folder}/web.sock"]
    (a,) = hosts("a")
    daemon.start(one_service(listens, host("a", a.address)))
    assert [ask_name(address) for address in listens] == ["a", "a", "a"]


def test_a_star_is_every_ipv4_address(daemon: Daemon, hosts: Hosts) -> None:
    port = free_address("127.0.0.1").rpartition(":")[2]
    (a,) = hosts("a")
    daemon.start(one_service(f"*:{port}", host("a", a.address)))
    assert ask_name(f"127.0.0.1:{port}") == "a"
    assert ask_name(f"127.99.99.99:{port}") == "a"
    with pytest.raises(ConnectionRefusedError):
        connect(f"[::1]:{port}")


def test_host_names_are_looked_up(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    a = serve(Named("a"), free_address("127.0.0.1"))
    port = a.address.rpartition(":")[2]
    daemon.start(one_service(address, host("a", f"localhost:{port}")))
    assert names(address, 5) == {"a": 5}


def test_connections_are_spread_over_the_workers(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve().address), workers=4))
    with held_open(address, 200):
        wait_until(lambda: sum(worker["open"] for worker in daemon.stats()["workers"]) == 200)
        shares = [worker["open"] for worker in daemon.stats()["workers"]]
        assert min(shares) >= 20, shares


@contextmanager
def held_open(address: str, count: int) -> Iterator[list[socket.socket]]:
    """That many connections, of which each has exchanged a byte with an echo."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(count)]
        for client in clients:
            client.sendall(b"x")
        for client in clients:
            assert client.recv(1) == b"x"
        yield clients


# -- every byte -----------------------------------------------------------------


@pytest.fixture(scope="module")
def bulk() -> bytes:
    return os.urandom(1 << 20) * (BULK >> 20)


def test_a_large_upload_is_byte_exact(daemon: Daemon, serve: Serve, bulk: bytes) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve(Digest).address)))
    with connect(address, timeout=60) as client:
        client.sendall(bulk)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client).decode().split()
    assert answer == [str(len(bulk)), hashlib.sha256(bulk).hexdigest()]
    wait_until(lambda: daemon.service()["bytes_in"] == len(bulk))


def test_a_large_download_is_byte_exact(daemon: Daemon, serve: Serve, bulk: bytes) -> None:
    address = free_address()
    daemon.start(one_service(address, host("a", serve(Source(bulk)).address)))
    digest, length = hashlib.sha256(), 0
    with connect(address, timeout=60) as client:
        client.shutdown(socket.SHUT_WR)
        while data := client.recv(1 << 18):
            digest.update(data)
            length += len(data)
    assert length == len(bulk)
    assert digest.digest() == hashlib.sha256(bulk).digest()
    wait_until(lambda: daemon.service()["bytes_out"] == len(bulk))


def test_a_client_that_ends_its_sending_still_gets_its_answer(daemon: Daemon, serve: Serve) -> None:
    nc = need("nc", "netcat-openbsd")
    address = free_address()
    daemon.start(one_service(address, host("a", serve(Digest).address)))
    where, _, port = address.rpartition(":")
    done = subprocess.run([nc, "-N", where, port], input=b"hello", capture_output=True, timeout=10)
    assert done.stdout.decode().split() == ["5", hashlib.sha256(b"hello").hexdigest()]


def test_a_host_that_ends_its_sending_still_gets_the_rest(daemon: Daemon) -> None:
    address, raw = free_address(), free_address()
    with listen(raw) as listener:
        daemon.start(one_service(address, host("a", raw)))
        listener.settimeout(10)
        with connect(address) as client:
            at_host, _ = listener.accept()
            with at_host:
                at_host.settimeout(10)
                at_host.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
                client.sendall(b"the rest")
                client.shutdown(socket.SHUT_WR)
                assert read_all(at_host) == b"the rest"


def test_what_a_client_sent_before_it_left_reaches_the_host(daemon: Daemon, serve: Serve) -> None:
    data = os.urandom(1 << 20)
    arrived: list[bytes] = []

    class Keeping(Echo):
        def answer(self, data: bytes) -> bytes:
            arrived.append(data)
            return b""

    address = free_address()
    daemon.start(one_service(address, host("a", serve(Keeping).address)))
    with connect(address) as client:
        client.sendall(data)
    wait_until(lambda: b"".join(arrived) == data)


def test_a_client_that_does_not_read_holds_up_its_host_not_our_memory(daemon: Daemon, serve: Serve) -> None:
    data = os.urandom(1 << 20) * 64
    address = free_address()
    daemon.start(one_service(address, host("a", serve(Source(data)).address), workers=1))
    worker = psutil.Process(daemon.workers()[0])
    before = worker.memory_info().rss
    with connect(address, timeout=30) as client:
        client.shutdown(socket.SHUT_WR)
        wait_until(lambda: daemon.service()["open"] == 1)
        keep_watching(lambda: worker.memory_info().rss < before + (8 << 20), seconds=1)
        assert read_all(client) == data


def test_silent_connections_end_at_the_idle_timeout_and_others_go_on(daemon: Daemon, serve: Serve) -> None:
    address = free_address()
    main = group(host("a", serve().address))
    daemon.start(director(service(address, main, idle_timeout="1s")))
    with connect(address) as silent, connect(address) as busy:
        began = time.monotonic()
        silent.settimeout(0.1)

        def is_closed() -> bool:
            busy.sendall(b"x")
            assert busy.recv(1) == b"x"
            try:
                return silent.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True

        wait_until(is_closed, timeout=5)
        assert time.monotonic() - began >= 0.9
