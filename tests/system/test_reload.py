"""A changed config.xml is applied to running processes; none is restarted, no client notices."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.addresses import (
    accepts,
    answers,
    connect,
    free_address,
    is_closed_at_once,
    listen,
    read_line,
)
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import Daemon, Result
from tests.system.hosts import Host
from tests.system.load import ShortRequests, Streams
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]
Serve = Callable[..., Host]


@pytest.fixture
def same(daemon: Daemon) -> Iterator[Callable[[], None]]:
    """Called once the director runs; at the end of the test it must be the same processes."""
    seen: list[set[int]] = []
    yield lambda: seen.append(daemon.pids())
    assert seen == [daemon.pids()]


def applied(done: Result) -> int:
    """The number of changes that `reload` says all workers have."""
    found = re.search(r"(\d+) changes?, applied by (\d+) workers? in \d+ ms", done.out)
    assert found, done.text
    assert int(found[2]) == 2
    return int(found[1])


def listening(address: str) -> set[str]:
    """The inodes of the sockets that listen there."""
    host, port = address.split(":")
    local = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{int(port):04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    return {row[9] for row in rows if row[1] == local and row[3] == "0A"}


def test_nothing_changed_is_nothing_to_change(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    (a,) = hosts("a")
    text = one_service(free_address(), host("a", a.address))
    daemon.start(text)
    same()
    done = daemon.reload(text + "<!-- a comment is no change -->\n")
    assert "nothing to change" in done.out


def test_a_host_comes_and_goes(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    assert applied(daemon.reload(one_service(address, host("a", a.address), host("b", b.address)))) == 1
    assert answers(address) == {"a", "b"}
    assert applied(daemon.reload(one_service(address, host("b", b.address)))) == 1
    assert answers(address) == {"b"}


def test_connections_to_a_host_taken_out_go_on(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    with connect(address) as client:
        assert read_line(client) == "a"
        daemon.reload(one_service(address, host("b", b.address)))
        assert answers(address) == {"b"}
        client.sendall(b"still here\n")
        assert read_line(client) == "still here"


def test_a_host_moves_to_another_address(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("x", a.address)))
    same()
    assert answers(address) == {"a"}
    daemon.reload(one_service(address, host("x", b.address)))
    assert answers(address) == {"b"}


def test_a_weight_changes(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address), host("b", b.address)))
    same()
    assert applied(daemon.reload(one_service(address, host("a", a.address), host("b", b.address, weight=0)))) == 1
    assert answers(address) == {"a"}
    assert daemon.host("b")["weight"] == 0
    wait_until(lambda: daemon.host("a")["total"] >= 12)


def test_another_group_is_enabled(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    groups = group(host("a", a.address)), group(host("b", b.address), name="next")
    daemon.start(director(service(address, *groups)))
    same()
    assert answers(address) == {"a"}
    assert applied(daemon.reload(director(service(address, *groups, enable="next")))) == 1
    assert answers(address) == {"b"}
    assert daemon.service()["enabled_group"] == "next"


def test_another_scheduler_chooses(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    in_xml = host("a", a.address), host("b", b.address)
    daemon.start(one_service(address, *in_xml, scheduler="roundrobin"))
    same()
    assert applied(daemon.reload(one_service(address, *in_xml, scheduler="leastconns"))) == 1
    assert daemon.service()["groups"][0]["scheduler"] == "leastconns"
    assert answers(address) <= {"a", "b"}


@pytest.mark.fault(8)
def test_listeners_come_and_go(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    kept, gone, new = free_address(), free_address(), free_address()
    (a,) = hosts("a")
    daemon.start(one_service([kept, gone], host("a", a.address)))
    same()
    sockets = listening(kept)
    assert len(sockets) == 2, "one for each worker"
    with connect(gone) as client:
        assert read_line(client) == "a"
        assert applied(daemon.reload(one_service([kept, new], host("a", a.address)))) == 2
        assert answers(kept) == answers(new) == {"a"}
        assert listening(kept) == sockets
        wait_until(lambda: not accepts(gone))
        client.sendall(b"still here\n")
        assert read_line(client) == "still here"


def test_an_open_listener_changes_otherwise_than_by_its_address(
    daemon: Daemon, hosts: Hosts, same: Callable[[], None], tmp_path: Path
) -> None:
    (a,) = hosts("a")
    path = tmp_path / "web.sock"
    text = one_service(free_address(), host("a", a.address))
    listens = '<listen ip="unix:{}" mode="{}"/></service>'
    daemon.start(text.replace("</service>", listens.format(path, "0600")))
    same()
    before = path.stat()
    assert applied(daemon.reload(text.replace("</service>", listens.format(path, "0666")))) == 1
    now = path.stat()
    assert now.st_mode & 0o777 == 0o666
    assert now.st_ino == before.st_ino


def test_services_come_and_go(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    first, second = free_address(), free_address()
    a, b = hosts("a", "b")
    one = service(first, group(host("a", a.address)), name="one")
    two = service(second, group(host("b", b.address)), name="two")
    daemon.start(director(one))
    same()
    daemon.reload(director(one, two))
    assert answers(first) == {"a"} and answers(second) == {"b"}
    daemon.reload(director(two))
    wait_until(lambda: not accepts(first))
    assert answers(second) == {"b"}


def test_a_timeout_changes(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    (a,) = hosts("a")
    main = group(host("a", a.address))
    daemon.start(director(service(address, main)))
    same()
    with connect(address, timeout=8) as client:
        assert read_line(client) == "a"
        assert applied(daemon.reload(director(service(address, main, idle_timeout="0.5s")))) == 1
        assert read_line(client) == "", "closed, for being silent too long"


def test_hup_reloads(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    daemon.configure(one_service(address, host("b", b.address)))
    daemon.kill(daemon.master, signal.SIGHUP)
    wait_until(lambda: answers(address) == {"b"})


def test_directorctl_reloads(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    daemon.configure(one_service(address, host("b", b.address)))
    assert applied(daemon.ctl("reload")) == 2  # one host goes, another comes
    assert answers(address) == {"b"}
    daemon.configure("<broken")
    assert daemon.ctl("reload").exit != 0


@pytest.mark.fault(8)
def test_a_bad_file_is_rejected_and_nothing_changes(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    bad = one_service(address, host("b", b.address), host("c", "127.0.0.1:99999"), scheduler="fastest")
    daemon.configure(bad.replace("><", ">\n<"))
    done = daemon.directord("reload")
    assert done.exit == 78
    assert "99999" in done.text and "fastest" in done.text
    assert len(re.findall(r"config\.xml:\d+: ", done.text)) >= 2
    assert answers(address) == {"a"}
    daemon.configure("<broken")
    rejected = daemon.log.count("config rejected")
    daemon.kill(daemon.master, signal.SIGHUP)
    wait_until(lambda: daemon.log.count("config rejected") > rejected, timeout=30)
    assert daemon.directord("reload").exit == 78
    assert answers(address) == {"a"}


@pytest.mark.fault(8)
def test_an_address_in_use_fails_the_reload_and_nothing_changes(
    daemon: Daemon, hosts: Hosts, same: Callable[[], None]
) -> None:
    address, new, taken = free_address(), free_address(), free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    with listen(taken):
        daemon.configure(one_service([new, taken], host("b", b.address)))
        done = daemon.directord("reload")
    assert done.exit == 1
    assert taken in done.text
    assert answers(address) == {"a"}
    assert not accepts(new)


def test_reloads_under_load_fail_no_request(daemon: Daemon, serve: Serve, same: Callable[[], None]) -> None:
    kept, changing = free_address(), [free_address(), free_address()]
    a, b = serve(), serve()
    texts = [
        director(service([kept, changing[turn]], group(host("a", a.address, weight=turn + 1), host("b", b.address))))
        for turn in (0, 1)
    ]
    daemon.start(texts[0])
    same()
    with Streams(kept, 10) as streams, ShortRequests(kept) as requests:
        for turn in (1, 0, 1, 0):
            daemon.reload(texts[turn])
    assert streams.broken == {}
    assert requests.failures == []


def test_counts_go_on_over_a_reload(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    answers(address, 10)
    daemon.reload(one_service(address, host("a", a.address), host("b", b.address)))
    wait_until(lambda: daemon.host("a")["total"] == 10)


def test_all_hosts_taken_out_is_allowed_and_closes_clients(
    daemon: Daemon, hosts: Hosts, same: Callable[[], None]
) -> None:
    address = free_address()
    (a,) = hosts("a")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    daemon.reload(one_service(address))
    assert is_closed_at_once(address)


def test_a_director_without_services_gets_its_first(daemon: Daemon, hosts: Hosts) -> None:
    daemon.start(director(upgrade_probation="0.2s"))
    wait_until(lambda: daemon.is_serving(2))
    done = daemon.directord("upgrade")
    assert done.exit == 0, done.text
    wait_until(lambda: daemon.is_serving(2))
    address = free_address()
    (a,) = hosts("a")
    assert applied(daemon.reload(one_service(address, host("a", a.address), upgrade_probation="0.2s"))) >= 1
    assert answers(address) == {"a"}


def test_reloads_at_once_are_all_done_in_turn(daemon: Daemon, hosts: Hosts, same: Callable[[], None]) -> None:
    address = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(address, host("a", a.address)))
    same()
    daemon.configure(one_service(address, host("a", a.address), host("b", b.address)))
    reloads = [daemon.spawn("reload") for _ in range(4)]
    daemon.kill(daemon.master, signal.SIGHUP)
    for one in reloads:
        said, _ = one.communicate(timeout=60)
        assert one.returncode == 0, said
    assert answers(address) == {"a", "b"}
