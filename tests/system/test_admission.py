"""Who may connect is served, who may not is reset; a reload changes that for those who come."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from tests.system.addresses import connect, free_address, parse
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Echo, Host
from tests.waiting import wait_until

PATIENCE = 30.0
FRIEND, STRANGER = "127.0.0.2", "127.0.0.3"  # all of that network is this machine, on either side


def caller(address: str, source: str) -> socket.socket:
    """A client's connection that comes from there."""
    client = socket.socket()
    client.settimeout(PATIENCE)
    client.bind((source, 0))
    try:
        client.connect(parse(address)[1])
    except BaseException:
        client.close()
        raise
    return client


def exchanges(client: socket.socket) -> bool:
    client.sendall(b"x")
    return client.recv(1) == b"x"


def fate(connecting: Callable[[], socket.socket]) -> str:
    """What becomes of a client; one that is reset may be so while it connects."""
    try:
        with connecting() as client:
            return "served" if exchanges(client) else "closed"
    except ConnectionResetError:
        return "reset"


def test_lists_hold_for_every_kind_of_client_and_a_reload_changes_them(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    address, sixth = free_address(), free_address("::1")
    path = f"unix:{daemon.folder}/inner.sock"
    inner = group(host("a", serve(Echo).address))

    def config(**lists: str) -> str:
        text = director(service([address, sixth, path], inner, name="inner", **lists))
        return text.replace('level="debug"', 'level="debug" connections="connections.log"')

    friend, stranger = partial(caller, address, FRIEND), partial(caller, address, STRANGER)
    by_ipv6, by_unix = partial(connect, sixth, PATIENCE), partial(connect, path, PATIENCE)

    daemon.start(config(allow=f"{FRIEND}/31 ::1", deny=STRANGER))  # the network has both of them
    assert [fate(one) for one in (friend, stranger, by_ipv6, by_unix)] == ["served", "reset", "served", "served"]
    with friend() as staying, by_ipv6() as staying_too:
        assert exchanges(staying) and exchanges(staying_too)
        said = daemon.reload(config(allow="10.0.0.0/8")).out
        assert f"change allow of service 'inner' from {FRIEND}/31 ::1 to 10.0.0.0/8" in said
        assert f"change deny of service 'inner' from {STRANGER} to none" in said
        assert [fate(one) for one in (friend, stranger, by_ipv6, by_unix)] == ["reset", "reset", "reset", "served"]
        assert exchanges(staying) and exchanges(staying_too)

        # What can't be read changes nothing.
        daemon.configure(config(allow="10.1.2.3/8"))
        refused = daemon.directord("reload")
        assert refused.exit == 78
        assert "write 10.0.0.0/8 for all of it, or 10.1.2.3 for the address alone" in refused.err
        assert fate(friend) == "reset"

        told = daemon.ctl("explain", "inner", "--client", FRIEND)
        assert (told.exit, f"{FRIEND} may not connect, allow does not name it" in told.out) == (0, True), told.text
        assert "chosen: a" in daemon.ctl("explain", "inner", "--client", "10.9.9.9").out

        # Without lists, all are served; and all that was is told once, and the same, everywhere.
        daemon.reload(config())
        assert [fate(one) for one in (friend, stranger, by_ipv6, by_unix)] == ["served"] * 4

    def is_told() -> bool:
        found = daemon.service("inner")
        assert (found["total"], found["refused"], found["failed"]) == (15, 5, {"PR": 5})
        lines = (daemon.folder / "connections.log").read_text().splitlines()
        assert len(lines) == 15
        denied = [line for line in lines if " inner main/<NOSRV> -1/-1/" in line and " PR " in line]
        sources = sorted(line.split(" ")[0].rpartition(":")[0] for line in denied)
        assert sources == sorted([STRANGER, FRIEND, STRANGER, "::1", FRIEND])
        return True

    wait_until(is_told, PATIENCE)
    frontend = daemon.ctl("stats", "--format", "csv").out.splitlines()
    columns = dict(zip(frontend[0].split(","), frontend[1].split(","), strict=True))
    assert (columns["dcon"], columns["ereq"]) == ("5", "0")
