"""More kinds of value: paths and addresses, each in one form only.

`0.0.0.0` is `*`, IPv6 addresses are compressed, names in lower case and
relative paths made absolute, so that the same place compares equal.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath

from director.config.model import Endpoint
from director.config.values import BadValue, Value, printable
from director.printable import quoted

MAX_SOCKET_PATH = 107  # bytes: sun_path of unix(7) has 108 with the NUL at its end

_PORT = re.compile(r"[0-9]{1,18}")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def _path(text: str, folder: str) -> str:
    return str(PurePosixPath(folder, printable(text)))


def _socket_path(text: str, folder: str) -> str:
    path = _path(text, folder)
    size = len(path.encode())
    if size > MAX_SOCKET_PATH:
        raise BadValue(
            f"the path {quoted(path)} has {size} bytes",
            f"use one of at most {MAX_SOCKET_PATH}",
        )
    return path


def _log_target(text: str, folder: str) -> str:
    if text in ("stderr", "journald", "syslog"):
        return text
    if not text.startswith("syslog:"):
        return _path(text, folder)
    remedy = "write syslog, syslog:/dev/log or syslog:host:port"
    if not re.fullmatch("syslog:[!-~]+", text):
        raise BadValue("not an address of syslog", remedy)
    # Nobody would answer that lines go nowhere: it is looked at here, and kept as it is written.
    address = text.removeprefix("syslog:")
    if address.startswith("/"):
        _socket_path(address, folder)
    elif ":" in address and not _ip(address.removeprefix("[").removesuffix("]")):
        _tcp(address, False, remedy)
    else:
        _address(address, folder)
    return text


PATH = Value("a path; a relative one starts at the folder of the config file", _path)
SOCKET_PATH = Value("the path of a unix socket", _socket_path)
LOG_TARGET = Value("a path, stderr, journald, syslog or syslog:ADDRESS", _log_target)


def _ip(text: str) -> str | None:
    """An IP address in its one form; None: not one."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def nobodys(host: str) -> bool:
    """Whether no host can be at an address. Who calls `0.0.0.0` or `::` gets this machine, and groups take no calls."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # a name
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255"


def _callable(host: str, remedy: str) -> str:
    """A host, if it can be called. Raises BadValue."""
    if nobodys(host):
        raise BadValue("no address to connect to", remedy)
    return host


def _name(text: str, remedy: str) -> str:
    """A DNS name in its one form. Raises BadValue."""
    labels = text.removesuffix(".").split(".")
    if labels[-1].isdigit():
        raise BadValue(f"{quoted(text)} is not an IPv4 address", remedy)
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadValue(f"{quoted(text)} is neither an IP address nor a name", remedy)
    return text.lower()


def _source(text: str, _: str) -> str:
    address = _ip(text.removeprefix("[").removesuffix("]"))
    if address is None:
        raise BadValue(
            "not an IP address",
            "write an address of this machine without a port, such as 10.0.0.5",
        )
    return address


SOURCE = Value("an IP address of this machine", _source)


def _address(text: str, _: str) -> str:
    remedy = "write an IP address or a name, without a port"
    return _ip(text.removeprefix("[").removesuffix("]")) or _name(text, remedy)


ADDRESS = Value("an IP address or a name", lambda text, _: _callable(_address(text, _), "write 10.0.0.1 or a name"))
DNS_NAME = Value("a DNS name", lambda text, _: _name(text, "write a name such as example.com"))


def _split_port(text: str, remedy: str) -> tuple[str, int]:
    host, colon, digits = text.rpartition(":")
    if not colon or not digits or digits.endswith("]"):
        raise BadValue("no port", remedy)
    if not _PORT.fullmatch(digits):
        raise BadValue(f"{quoted(digits)} is not a port", remedy)
    port = int(digits)
    if not 1 <= port <= 65535:
        raise BadValue(f"port {port} is out of range", "use a port from 1 to 65535")
    return host, port


def _tcp(text: str, anywhere: bool, remedy: str) -> Endpoint:
    if "://" in text:
        raise BadValue("a URL", remedy)
    host, port = _split_port(text, remedy)
    if host.startswith("[") and host.endswith("]"):
        address = _ip(host[1:-1])
        if address is None or ":" not in address:
            raise BadValue(f"{quoted(host)} is not an IPv6 address", remedy)
        found = ipaddress.IPv6Address(address)
        if anywhere and found.ipv4_mapped is not None:  # a socket for IPv6 alone can't have it
            raise BadValue("an IPv4 address in the form of IPv6", f"write {found.ipv4_mapped}:{port}")
        if not anywhere and (found.is_link_local or found.scope_id):
            raise BadValue("a link-local address, which is another host's on each interface", remedy)
        if found.is_link_local and not found.scope_id:
            raise BadValue("a link-local address without its interface", f"write it as [{address}%eth0]:{port}")
        return Endpoint(address, port)
    if ":" in host and (_ip(text) or _ip(host)):
        raise BadValue("an IPv6 address needs brackets", "write it as [address]:port")
    if host in ("", "*", "0.0.0.0"):
        if not anywhere:
            raise BadValue("no address to connect to", remedy)
        return Endpoint("*", port)
    return Endpoint(_ip(host) or _name(host, remedy), port)


def _listen(text: str, folder: str) -> Endpoint:
    if text.startswith("unix:"):
        return Endpoint(path=_socket_path(text.removeprefix("unix:"), folder))
    return _tcp(text, True, "write *:80, 10.0.0.1:80, [::]:80 or unix:PATH")


def _web(text: str, _: str) -> Endpoint:
    return _tcp(text, True, "write 127.0.0.1:7001, *:7001 or [::1]:7001")


def _target(text: str, folder: str) -> Endpoint:
    remedy = "write 10.0.0.1:80, [2001:db8::1]:80, name:80, unix:PATH or srv:NAME"
    if text.startswith("unix:"):
        return Endpoint(path=_socket_path(text.removeprefix("unix:"), folder))
    if text.startswith("srv:"):
        return Endpoint(srv=_name(text.removeprefix("srv:"), remedy))
    target = _tcp(text, False, remedy)
    _callable(target.host, remedy)
    return target


LISTEN = Value("*:N, [::]:N, host:N or unix:PATH", _listen)
WEB = Value("*:N, [::]:N or host:N", _web)
TARGET = Value("host:N, unix:PATH or srv:NAME", _target)


def _servers(text: str, _: str) -> tuple[Endpoint, ...]:
    remedy = "write IP addresses with or without a port, and a blank between them"
    servers = []
    for word in text.split():
        address = _ip(word.removeprefix("[").removesuffix("]"))
        server = Endpoint(address, 53) if address else _tcp(word, False, remedy)
        if _ip(server.host) is None:
            raise BadValue(f"{quoted(word)} is not an IP address", remedy)
        servers.append(server)
    return tuple(servers)


SERVERS = Value("IP addresses of DNS servers", _servers, lambda servers: " ".join(map(str, servers)))


_NETWORKS_REMEDY = "write addresses and networks with a blank between them, such as 10.0.0.0/8 192.168.1.7 ::1"


def _network(word: str) -> str:
    """An address or a network in its one form. Raises BadValue."""
    try:
        found = ipaddress.ip_interface(word.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise BadValue(f"{quoted(word)} is neither an IP address nor a network", _NETWORKS_REMEDY) from None
    if "%" in word:
        raise BadValue(f"{quoted(word)} names an interface", f"write {word.partition('%')[0]}")
    if found.ip != found.network.network_address:
        raise BadValue(
            f"{quoted(word)} is an address within a network",
            f"write {found.network} for all of it, or {found.ip} for the address alone",
        )
    network: ipaddress.IPv4Network | ipaddress.IPv6Network = found.network
    first = int(network.network_address)
    if network.version == 6 and network.prefixlen >= 96 and first >> 32 == 0xFFFF:
        # As IPv4 looks to a socket of IPv6; a client that does is one of IPv4.
        network = ipaddress.IPv4Network((first & 0xFFFFFFFF, network.prefixlen - 96))
    return str(network if network.num_addresses > 1 else network.network_address)


def _networks(text: str, _: str) -> tuple[str, ...]:
    if not text.split():
        raise BadValue("empty", _NETWORKS_REMEDY)
    return tuple(map(_network, text.split()))


NETWORKS = Value("IP addresses and networks", _networks, " ".join)


def is_loopback(endpoint: Endpoint) -> bool:
    """Whether only this machine can reach it."""
    address = _ip(endpoint.host)
    return endpoint.host == "localhost" or (address is not None and ipaddress.ip_address(address).is_loopback)


def same_place(endpoint: Endpoint) -> tuple[str, int, str]:
    """Equal for endpoints that can't both be listened on. (Overlapping ones, `*:80` and `10.0.0.1:80`, can.)"""
    return (
        "127.0.0.1" if endpoint.host == "localhost" else endpoint.host,
        endpoint.port,
        endpoint.path,
    )
