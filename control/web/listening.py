"""HTTP and HTTPS servers on the sockets that the master opened.

Whoever is slow or silent loses the connection, and there are so many
connections at a time and no more: what that costs, it costs this process alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gevent import socket, ssl
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from director.config.model import Admin
from director.errors import RefusedError
from director.master import selfsigned

_SILENCE = 30.0  # seconds
_CONNECTIONS = 500
_LARGEST = 1024 * 1024  # bytes of a certificate or key

App = Callable[[dict[str, Any], Any], Any]


class _Handler(WSGIHandler):  # type: ignore[misc]
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

    def handle(self, sock: Any, address: Any) -> None:
        with contextlib.suppress(
            OSError
        ):  # gone before a refusal could be sent; what fails in a page does not get here
            super().handle(sock, address)

    def do_handle(self, sock: Any, address: Any) -> None:
        sock.settimeout(_SILENCE)
        super().do_handle(sock, address)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        try:
            return super().wrap_socket_and_handle(client_socket, address)
        except OSError:
            return None  # no handshake came of it; whoever that was is no concern of ours


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
        raise RefusedError(f"can't use certificate {names[0]} with key {names[1]}: {reason}") from None
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
