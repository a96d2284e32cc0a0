"""HTTP and HTTPS servers on the sockets that the master opened.

Whoever is slow or silent loses the connection, and there are so many
connections at a time and no more: what that costs, it costs this process alone.
Where all are taken, who has sent no request yet makes room.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent
from gevent import socket, ssl
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from control.web import head
from control.web.waiting import Stream, Waiting
from director.config.model import Admin
from director.errors import RefusedError
from director.master import selfsigned

_PATIENCE = 30.0  # seconds that a request, a handshake or an answer may take
_CONNECTIONS = 500
_LARGEST = 1024 * 1024  # bytes of a certificate or key
_WHOLE_ADDRESS = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)

App = Callable[[dict[str, Any], Any], Any]


class _Handler(WSGIHandler):  # type: ignore[misc]
    command: str
    path: str
    request_version: str

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        self._stream = Stream(sock, server.waiting)
        super().__init__(sock, address, server, io.BufferedReader(self._stream))

    def read_requestline(self) -> Any:
        self._stream.due = time.monotonic() + _PATIENCE
        line = super().read_requestline()
        # Old clients end a form with an empty line more than its length says.
        return line if line.strip() or not line else super().read_requestline()

    def read_request(self, raw_requestline: Any) -> Any:
        try:
            good = super().read_request(raw_requestline)
        except OSError as error:
            raise ValueError(f"the request did not come: {error}") from error  # gevent prints what is no ValueError
        if whole := _WHOLE_ADDRESS.match(self.path):
            # As to a proxy: what it says of our name goes before what `Host` says.
            rest = self.path[whole.end() :]
            self.path = rest if rest.startswith("/") else f"/{rest}"
            del self.headers["Host"]
            self.headers["Host"] = whole[1]
        return good

    def MessageClass(self, stream: Any, *args: Any) -> Any:
        return super().MessageClass(io.BytesIO(head.read(stream, self.request_version)), *args)

    def finalize_headers(self) -> None:
        """They are those that GET would have; but nothing stands behind them after HEAD, nor a last chunk."""
        super().finalize_headers()
        if self.command == "HEAD":
            self.response_use_chunked = False

    def _sendall(self, data: Any) -> None:
        """Whoever went away or reads nothing has reset the connection, by whatever name TLS and timeouts call it.

        Else gevent would take it for a bug of the page.
        """
        try:
            super()._sendall(data)
        except OSError as error:
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error


class _Server(WSGIServer):  # type: ignore[misc]
    handler_class = _Handler

    def __init__(self, *args: Any, **options: Any) -> None:
        self.waiting = Waiting()
        super().__init__(*args, **options)

    def handle(self, sock: Any, address: Any) -> None:
        with contextlib.suppress(
            OSError
        ):  # gone before a refusal could be sent; what fails in a page does not get here
            super().handle(sock, address)

    def do_handle(self, sock: Any, address: Any) -> None:
        sock.settimeout(_PATIENCE)
        if self.pool.free_count() < 2:
            self.waiting.give_way()
        super().do_handle(sock, address)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        descriptor, due = client_socket.fileno(), time.monotonic() + _PATIENCE
        self.waiting.begin(descriptor, due)
        try:
            with gevent.Timeout(_PATIENCE, TimeoutError("no handshake in time")):
                secured = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError:
            return None  # no handshake came of it; whoever that was is no concern of ours
        finally:
            self.waiting.end(descriptor)
        with contextlib.closing(secured):
            return self.handle(secured, address)


def pair(admin: Admin, files: Iterable[str]) -> tuple[str, str]:
    """The paths of certificate and key; where none is named, of the one among these files that the master made."""
    cert = admin.cert or next((path for path in files if path.endswith(selfsigned.NAME)), "")
    return cert, admin.key or cert


def tls(admin: Admin, files: Mapping[str, int]) -> Any:
    """TLS as an admin has it, by its open files, by path. Raises RefusedError."""
    cert, key = pair(admin, files)
    return context(files[cert], files[key], (cert, key))


def context(cert: int, key: int, names: tuple[str, str]) -> Any:
    """TLS by the certificate and the key in these open files, called so. Raises RefusedError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    copies = [_copy(cert), _copy(key)]
    try:
        made.load_cert_chain(*(f"/proc/self/fd/{copy}" for copy in copies), password=lambda: b"")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or str(error)
        remedy = "write cert and key in PEM that belong together, the key without a password"
        raise RefusedError(f"can't use certificate {names[0]} with key {names[1]}: {reason}; {remedy}") from None
    finally:
        for copy in copies:
            os.close(copy)
    return made


def _copy(fd: int) -> int:
    """The file again, but one that we may open by its path."""
    memory = os.memfd_create("director-web")
    os.write(memory, os.pread(fd, _LARGEST, 0))
    return memory


class Listening:
    """One admin's server. The TLS context may be replaced; those connected stay so."""

    def __init__(self, descriptor: int, app: App, tls: Any) -> None:
        self._socket = socket.socket(fileno=descriptor)
        options: dict[str, Any] = {"ssl_context": tls} if tls else {}
        options["environ"] = {"SERVER_NAME": "director"}  # gevent would ask name servers what our name is
        self._server = _Server(self._socket, app, spawn=Pool(_CONNECTIONS), log=None, error_log=None, **options)
        self._server.start()

    def renew(self, tls: Any) -> None:
        """Show another certificate from the next connection on."""
        self._server.wrap_socket = tls.wrap_socket

    def close(self) -> None:
        """Serve no more; what is under way may end."""
        self._server.stop(timeout=0.5)
