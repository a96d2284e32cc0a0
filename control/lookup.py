"""Asking name servers: questions out by UDP, answers back; by TCP when they were cut short, or UDP leads nowhere.

Every call blocks its greenlet alone, for `timeout` at the most: waiting is
gevent's, reading and writing messages dnspython's. All that dnspython imports
by need is imported here, while it may still be read.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import gevent
from gevent.socket import wait_read, wait_write

from control.names import Record
from control.resolvconf import ResolvConf, Server
from director.config.addresses import nobodys

dns.rdata.load_all_types()  # type: ignore[no-untyped-call]

_ROUNDS = 2  # how often each server is asked before we give up
_PAYLOAD = 1232  # bytes of UDP that go through any network in one piece
_LARGEST = 65535
_DEEPEST = 50  # SRV targets that are looked up at the most

_Found = TypeVar("_Found")


class NoAnswerError(Exception):
    """There is no answer, and why. `denied`: servers say that there is nothing, not that they don't know."""

    def __init__(self, cause: str, denied: bool = False) -> None:
        super().__init__(cause)
        self.denied = denied


class NoNameError(NoAnswerError):
    """Servers say that there is no such name: no records of any kind."""


@dataclass(frozen=True)
class Answer:
    """Records with the time for which they hold, in seconds."""

    records: tuple[Record, ...]
    ttl: float


@dataclass(frozen=True)
class _Section:
    """What a message answers: the data of the records asked for, and their time to live."""

    data: tuple[dns.rdata.Rdata, ...]
    ttl: float


class Lookup:
    """Finds names by the hosts file, then by name servers."""

    def __init__(self, conf: ResolvConf, hosts: dict[str, tuple[str, ...]], timeout: float, lasting: float) -> None:
        """`timeout`: for one name, in seconds; `lasting`: how long what the hosts file says holds."""
        self._conf, self._hosts, self._timeout, self._lasting = conf, hosts, timeout, lasting

    def addresses(self, name: str, known: Iterable[Record] = ()) -> Answer:
        """Its addresses of both families. Raises NoAnswerError.

        Of a family that no server answers for, what was `known` stays.
        """
        local = self._hosts.get(name.rstrip("."))
        if local is None and name.rstrip(".").rpartition(".")[2] == "localhost":
            local = ("127.0.0.1", "::1")  # RFC 6761
        if local is not None:
            found = Answer(tuple(Record(0, address) for address in local), self._lasting)
        else:
            found = self._search(name, lambda whole, deadline: self._both(whole, deadline, known))
        # Servers that block names say `0.0.0.0` of them, by which we would call ourselves.
        fit = tuple(record for record in found.records if not nobodys(record.address))
        if not fit:
            nowhere = ", ".join(record.address for record in found.records)
            raise NoAnswerError(f"no host can be at {nowhere}, which {name.rstrip('.')} stands for", denied=True)
        return Answer(fit, found.ttl)

    def _both(self, name: str, deadline: float, known: Iterable[Record]) -> Answer:
        """The addresses of both families of one whole name."""
        kinds = {False: dns.rdatatype.A, True: dns.rdatatype.AAAA}
        asking = {family: gevent.spawn(self._try, name, kind, deadline) for family, kind in kinds.items()}
        asking[False].join()
        if isinstance(asking[False].value, NoNameError):
            # Of a name that is none nobody needs to know more, and some servers never answer for AAAA. But others
            # say of AAAA that there is no name where there is none of these records (RFC 4074).
            asking[True].kill()
            raise asking[False].value
        asking[True].join()
        records: list[Record] = []
        ttls, failures = [], []
        for family, greenlet in asking.items():
            outcome = greenlet.value
            if isinstance(outcome, _Section):
                records += [Record(0, rdata.address) for rdata in outcome.data]  # type: ignore[attr-defined]
                ttls.append(outcome.ttl)
                continue
            failures.append(outcome)
            if not outcome.denied:
                records += [record for record in known if (":" in record.address) is family]
        if not ttls:
            raise min(failures, key=lambda failure: failure.denied)
        return Answer(tuple(records), min(ttls))

    def srv(self, name: str, known: Iterable[Record] = ()) -> Answer:
        """The places that an SRV record names, each with all its addresses. Raises NoAnswerError."""
        found = self._search(name, lambda whole, deadline: self._ask_all(whole, dns.rdatatype.SRV, deadline))
        offered = [rdata for rdata in found.data if str(rdata.target) != "."]  # type: ignore[attr-defined]
        if not offered:
            raise NoAnswerError("the service is not offered", denied=True)
        # Servers turn the order round with each answer; who is left out must be the same each time.
        targets = sorted(
            (rdata for rdata in offered if rdata.port),  # type: ignore[attr-defined]
            key=lambda rdata: (rdata.priority, -rdata.weight, rdata.target, rdata.port),  # type: ignore[attr-defined]
        )[:_DEEPEST]
        if not targets:
            raise NoAnswerError("its places have no port", denied=True)
        names = {str(rdata.target).lower() for rdata in targets}  # type: ignore[attr-defined]
        asking = {target: gevent.spawn(self._try_addresses, target) for target in names}
        gevent.joinall(list(asking.values()))
        records: list[Record] = []
        ttl, failure = found.ttl, None
        for rdata in targets:
            outcome = asking[str(rdata.target).lower()].value  # type: ignore[attr-defined]
            if isinstance(outcome, NoAnswerError):
                failure = outcome
                continue
            ttl = min(ttl, outcome.ttl)
            share = rdata.weight / len(outcome.records)  # type: ignore[attr-defined]
            records += [
                Record(rdata.priority, record.address, rdata.port, share)  # type: ignore[attr-defined]
                for record in outcome.records
            ]
        if not records:
            raise failure or NoAnswerError("its targets have no address")
        if failure is not None and not failure.denied:
            # We can't tell which of the places known are those of the target without an answer.
            places = {(record.address, record.port) for record in records}
            records += [record for record in known if (record.address, record.port) not in places]
        return Answer(tuple(records), ttl)

    def _try_addresses(self, name: str) -> Answer | NoAnswerError:
        try:
            return self.addresses(name)
        except NoAnswerError as failure:
            return failure

    def _try(self, name: str, kind: dns.rdatatype.RdataType, deadline: float) -> _Section | NoAnswerError:
        try:
            return self._ask_all(name, kind, deadline)
        except NoAnswerError as failure:
            return failure

    def _search(self, name: str, ask: Callable[[str, float], _Found]) -> _Found:
        """What is found of the first whole name that has something: of that one alone, others are other machines."""
        deadline = time.monotonic() + self._timeout
        failures = []
        for whole in self._conf.candidates(name):
            try:
                return ask(whole, deadline)
            except NoAnswerError as failure:
                if not failure.denied:
                    raise  # another name would be an answer to another question
                failures.append(failure)
        raise failures[0]

    def _ask_all(self, name: str, kind: dns.rdatatype.RdataType, deadline: float) -> _Section:
        """Ask one server after the other until one knows."""
        try:
            query = dns.message.make_query(name, kind, use_edns=0, payload=_PAYLOAD)
        except dns.exception.DNSException as error:
            raise NoAnswerError(f"{name} is no name: {error}", denied=True) from None
        causes: dict[str, None] = {}
        turns = [server for _ in range(_ROUNDS) for server in self._conf.servers]
        for turn, server in enumerate(turns):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            patience = max(0.02, left / (len(turns) - turn))
            try:
                return _section(_ask(query, server, patience, turn >= len(self._conf.servers)), name, kind)
            except NoAnswerError as cause:
                if cause.denied:
                    raise
                causes[str(cause)] = None
            except OSError as error:
                words = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
                causes[f"{server[0]}: {words}"] = None
        raise NoAnswerError("; ".join(causes) or "no answer in time")


def _section(message: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> _Section:
    """What a server's message says. Raises NoAnswerError."""
    code = message.rcode()
    if code == dns.rcode.NXDOMAIN:
        raise NoNameError(f"{name.rstrip('.')} does not exist (NXDOMAIN)", denied=True)
    if code != dns.rcode.NOERROR:
        raise NoAnswerError(f"the name server says {dns.rcode.to_text(code)}")
    try:
        chain = message.resolve_chaining()  # type: ignore[attr-defined]
    except dns.exception.DNSException as error:
        raise NoAnswerError(f"the name server's answer makes no sense: {error}") from None
    if chain.answer is None:
        raise NoAnswerError(f"{name.rstrip('.')} has no {dns.rdatatype.to_text(kind)} record", denied=True)
    return _Section(tuple(chain.answer), float(chain.minimum_ttl))


def _ask(query: dns.message.Message, server: Server, timeout: float, again: bool) -> dns.message.Message:
    """Ask one server. Raises OSError, or NoAnswerError if it makes no sense.

    `again`: it was silent before, or failed, so that half of the time is for TCP if UDP gets nothing.
    """
    deadline = time.monotonic() + timeout
    try:
        answer = _by_udp(query, server, deadline - timeout / 2 if again else deadline)
        if query.edns >= 0 and answer.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP):
            query.use_edns(False)  # it does not know of that (RFC 6891, 7)
            answer = _by_udp(query, server, deadline)
    except (ConnectionRefusedError, TimeoutError) as error:
        if not again and isinstance(error, TimeoutError):
            raise
        try:
            return _by_tcp(query, server, deadline)
        except OSError:
            raise error from None
    return _by_tcp(query, server, deadline) if answer.flags & dns.flags.TC else answer


def _by_udp(query: dns.message.Message, server: Server, deadline: float) -> dns.message.Message:
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.connect(server)  # by that the kernel drops what others send
        sock.send(query.to_wire())
        while True:
            _wait(wait_read, sock, deadline)
            try:
                message = _parse(sock.recv(_LARGEST))
            except BlockingIOError:
                continue
            if message is not None and query.is_response(message):
                return message


def _by_tcp(query: dns.message.Message, server: Server, deadline: float) -> dns.message.Message:
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        if sock.connect_ex(server) == errno.EINPROGRESS:
            _wait(wait_write, sock, deadline)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        wire = query.to_wire()
        sock.send(struct.pack(">H", len(wire)) + wire)  # the first bytes of a connection always fit
        (length,) = struct.unpack(">H", _exactly(sock, 2, deadline))
        message = _parse(_exactly(sock, length, deadline))
        if message is None or not query.is_response(message):
            raise NoAnswerError("the name server's answer by TCP makes no sense")
        return message


def _exactly(sock: socket.socket, count: int, deadline: float) -> bytes:
    data = b""
    while len(data) < count:
        _wait(wait_read, sock, deadline)
        try:
            more = sock.recv(count - len(data))
        except BlockingIOError:
            continue
        if not more:
            raise ConnectionError("the name server closed the connection")
        data += more
    return data


def _parse(wire: bytes) -> dns.message.Message | None:
    """A message; None if it is none. What is cut short has at least its flags."""
    try:
        return dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError):
        return None


def _wait(wait: Callable[..., None], sock: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wait(sock.fileno(), timeout=left, timeout_exc=TimeoutError("no answer"))
