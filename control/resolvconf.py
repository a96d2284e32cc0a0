"""What this machine says of names: the words of /etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

PORT = 53
Server = tuple[str, int]  # address, port


@dataclass(frozen=True)
class ResolvConf:
    """Whom to ask, and how a short name is completed. As resolv.conf(5) says of each."""

    servers: tuple[Server, ...] = (("127.0.0.1", PORT),)
    search: tuple[str, ...] = ()
    ndots: int = 1

    def candidates(self, name: str) -> tuple[str, ...]:
        """The whole names to ask for, in that order."""
        if name.endswith("."):
            return (name,)
        completed = tuple(f"{name}.{domain.strip('.')}." for domain in self.search if domain.strip("."))
        whole = (f"{name}.",)
        return whole + completed if name.count(".") >= self.ndots else completed + whole


def parse_resolv_conf(text: str) -> ResolvConf:
    """Lines that are no good are ignored, as the C library ignores them."""
    servers: list[Server] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for line in text.splitlines():
        word, *values = line.split("#")[0].split(";")[0].split() or [""]
        if word == "nameserver" and values and _address(values[0].partition("%")[0]):
            servers.append((values[0], PORT))
        elif word == "search" or (word == "domain" and values):
            search = tuple(values)
        elif word == "options":
            for option in values:
                key, _, value = option.partition(":")
                if key == "ndots" and value.isdigit():
                    ndots = min(int(value), 15)
    return ResolvConf(tuple(servers[:3]) or ResolvConf.servers, search, ndots)


def parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """The addresses of each name, in the order of the file."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        word, *names = line.partition("#")[0].split() or [""]
        address = _address(word)
        if address is None:
            continue
        for name in names:
            key = name.lower().rstrip(".")
            if address not in found.get(key, ()):
                found[key] = (*found.get(key, ()), address)
    return found


def _address(text: str) -> str | None:
    """An IP address in its one form; None: not one."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
