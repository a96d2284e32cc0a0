"""`directord demo`: a director to try, with three small hosts of its own behind it.

No config file, no rights and no other software needed. The hosts are one more
child process, so that balancing, faults and shutting down are the real thing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import socketserver
import sys
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from director.access import Access
from director.config.model import Admin, Config, Endpoint, Group, Host, Listen, Logging, Service, User
from director.master.child import fork_child
from director.master.system import System

NAMES = ("one", "two", "three")
USER = "demo"  # of the web admin
_PORT, _ADMIN_PORT = 8080, 7001  # where service and admin listen, if these are free


def free_ports(*wanted: int) -> list[int]:
    """Ports on loopback that nobody listens on, all different; those wanted where that is so."""
    with ExitStack() as stack:
        return [_bound(stack.enter_context(socket.socket()), port) for port in wanted]


def _bound(sock: socket.socket, port: int) -> int:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    return int(sock.getsockname()[1])


class _Hosts:
    """The three hosts: HTTP servers that say their name."""

    def __init__(self) -> None:
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(name)) for name in NAMES]
        for server in self.servers:
            server.daemon_threads = True

    @property
    def ports(self) -> list[int]:
        return [int(server.server_address[1]) for server in self.servers]

    def serve(self, lifeline: int) -> int:
        """Answer until the other end of the lifeline is closed."""
        for server in self.servers:
            threading.Thread(target=socketserver.BaseServer.serve_forever, args=(server,), daemon=True).start()
        os.read(lifeline, 1)
        return 0


def _handler(name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"This is host {name}.\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass  # the terminal is for the demo

    return Handler


def start_hosts() -> tuple[list[int], int]:
    """Start the hosts in a child. Returns their ports and the lifeline: it ends them when closed."""
    hosts = _Hosts()
    read, write = os.pipe()
    fds = [server.fileno() for server in hosts.servers]
    fork_child(System(), lambda: hosts.serve(read), lambda: (0, 1, 2, read, *fds))
    os.close(read)
    ports = hosts.ports
    for server in hosts.servers:
        server.server_close()
    return ports, write


def config(ports: list[int], port: int, admin_port: int, password: str) -> Config:
    """One service, one group, three hosts; a web admin for one user, by the hash of a password."""
    hosts = tuple(
        Host(name=name, ip=Endpoint("127.0.0.1", host_port)) for name, host_port in zip(NAMES, ports, strict=True)
    )
    group = Group(name="main", scheduler="roundrobin", hosts=hosts)
    service = Service(
        name="web", listens=(Listen(ip=Endpoint("127.0.0.1", port)),), groups=(group,), enabled=group.name
    )
    user = User(name=USER, password=password, access=Access.FULL)
    admin = Admin(listen=Endpoint("127.0.0.1", admin_port), users=(user,))
    return Config(services=(service,), admins=(admin,), workers=2, logging=Logging(file="stderr", level="warning"))


def choose_ports() -> list[int]:
    """Where the demo's service and its admin shall listen."""
    return free_ports(_PORT, _ADMIN_PORT)


def _directorctl() -> str:
    """How to call it from any shell: by its name if that finds it, else where it lies beside us."""
    name = "directorctl"
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)
    return beside if shutil.which(name) is None and os.path.exists(beside) else name


def what_to_try(port: int, admin_port: int, password: str, control: str) -> str:
    """The words that greet whoever started the demo."""
    ctl = shlex.join((_directorctl(), "-s", control))
    return f"""
director balances three demo hosts behind http://127.0.0.1:{port}/ . Look at it in a browser:

  http://127.0.0.1:{admin_port}/                      # user {USER}, password {password}

In another terminal, try:

  curl http://127.0.0.1:{port}/                 # again and again: the hosts take turns
  {ctl} stats
  {ctl} host-down web main two --reason "a look around"

Ctrl-C here ends everything."""
