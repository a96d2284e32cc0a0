"""HAProxy's runtime API: its phrases -> our commands, so that its tools work on our socket.

    phrase                               command
    show info, show stat, show backend,  stats, printed by `haproxy`
    show servers state, show errors,
    get weight B/S
    disable server B/S                   host-down SVC GRP HOST
    set server B/S state maint           host-down SVC GRP HOST
    enable server B/S                    host-up SVC GRP HOST
    disable frontend F                   service-disable SVC
    enable frontend F                    service-enable SVC
    show sess                            sessions, printed by `haproxy`
    set weight B/S N[%],
    set server B/S weight N[%]              host-weight SVC GRP HOST N
    set maxconn server B/S N             host-maxconn SVC GRP HOST N
    set maxconn frontend F N             service-maxconn SVC N
    set maxconn global N                 maxconn-set N
    shutdown session ID                  session-close ID
    clear counters [all]                 counters-clear [--all]
    set timeout cli N                    nothing, which version does: we have our own
    set server B/S state ready           host-up SVC GRP HOST
    set server B/S state drain           host-drain SVC GRP HOST
    shutdown sessions server B/S         host-close SVC GRP HOST

A backend is `SVC.GRP`, found by looking it up: names may hold dots. What is
done is answered by an empty line, as HAProxy does; what is wrong by its sentence,
which its tools compare, and ours in the next line. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from control import haproxy
from director.config.lookup import nearest
from director.config.model import Config
from director.errors import UsageError
from director.printable import quoted

Document = dict[str, Any]
Told = Callable[[Document], Iterable[str]]
_ANY = -1
_NUMBER = re.compile("-?[0-9]{1,10}")
_UNKNOWN = "Unknown command, but maybe one of the following ones is a better match:"


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a line asks for: words of `directorctl`, and how its result is told."""

    words: tuple[str, ...]
    told: Told
    unknown: str = ""  # its sentence for a name that there is not, where only the command can tell


def understand(words: Sequence[str], config: Config) -> Phrase | None:
    """The phrase of HAProxy in these words; None if it is none of its. Raises UsageError if it is a wrong one."""
    for start, meaning in _PHRASES.items():
        if tuple(words[: len(start)]) == start:
            return meaning(list(words[len(start) :]), config)
    if words[0] in _VERBS:
        phrases = (" ".join(start) for start in _PHRASES)
        raise UsageError(f"{_UNKNOWN}\nunknown phrase {quoted(' '.join(words))}; {nearest(' '.join(words), phrases)}")
    return None


def _shown(told: Told) -> Callable[[list[str], Config], Phrase]:
    def meaning(words: list[str], config: Config) -> Phrase:
        _only(words, 0)
        return Phrase(("stats",), told)

    return meaning


def _show_info(words: list[str], config: Config) -> Phrase:
    form = words[0] if words else ""
    _only(words, 1)
    if form not in _INFO_FORMS:
        raise UsageError("show info takes nothing, typed or json")
    return Phrase(("stats",), _INFO_FORMS[form])


def _show_stat(words: list[str], config: Config) -> Phrase:
    words = _numbered(words, config)
    flags = [word for word in words if not _NUMBER.fullmatch(word)]
    numbers = [int(word) for word in words if _NUMBER.fullmatch(word)]
    form = next((word for word in flags if word in _FORMS), "")
    wrong = [word for word in flags if word not in (*_FORMS, "up", "no-maint")]
    if wrong or len(numbers) not in (0, 3):
        raise UsageError("show stat takes IID TYPE SID, and typed, json, up or no-maint")

    def told(stats: Document) -> Iterable[str]:
        found = haproxy.rows(stats, *(numbers or (_ANY, _ANY, _ANY)))
        if "up" in flags:
            found = (row for row in found if row["status"] != "DOWN")
        if "no-maint" in flags:
            found = (row for row in found if not row["status"].startswith("MAINT"))
        return _FORMS.get(form, haproxy.csv_of)(found)

    return Phrase(("stats",), told)


def _numbered(words: list[str], config: Config) -> list[str]:
    """The same with a number where the name of a frontend or a backend stands in its place."""
    if len(words) < 3 or not all(map(_NUMBER.fullmatch, words[1:3])) or _NUMBER.fullmatch(words[0]):
        return words
    numbers = {service.name: service.number for service in config.services}
    numbers |= {f"{service.name}.{group.name}": group.number for service in config.services for group in service.groups}
    if words[0] not in numbers:
        raise UsageError(f"No such proxy.\n{nearest(words[0], numbers)}")
    return [str(numbers[words[0]]), *words[1:]]


def _show_servers_state(words: list[str], config: Config) -> Phrase:
    backend = words[0] if words else None
    _only(words, 1)
    names = {f"{service.name}.{group.name}" for service in config.services for group in service.groups}
    if backend is not None and backend not in names:
        raise UsageError(f"Can't find backend.\n{nearest(backend, names)}")
    return Phrase(("stats",), partial(haproxy.servers_state, backend=backend))


def _get_weight(words: list[str], config: Config) -> Phrase:
    service, group, host = _server(words, config, members=True)
    return Phrase(("stats",), partial(haproxy.weight, service=service, group=group, host=host))


def _switch(command: str) -> Callable[[list[str], Config], Phrase]:
    def meaning(words: list[str], config: Config) -> Phrase:
        return Phrase((command, "--", *_server(words, config)), _nothing)

    return meaning


def _switch_frontend(command: str) -> Callable[[list[str], Config], Phrase]:
    def meaning(words: list[str], config: Config) -> Phrase:
        if len(words) != 1:
            raise UsageError("A frontend name is expected.")
        return Phrase((command, "--", _frontend(words[0], config)), _nothing)

    return meaning


def _set_server(words: list[str], config: Config) -> Phrase:
    place = _server(words[:1], config)
    if words[1:2] == ["weight"]:
        return _set_weight([words[0], *words[2:]], config)
    if words[1:2] != ["state"]:
        raise UsageError("usage: set server <backend>/<server> state | weight")
    if len(words) != 3 or words[2] not in _STATES:
        raise UsageError("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
    return Phrase((_STATES[words[2]], "--", *place), _nothing)


def _set_weight(words: list[str], config: Config) -> Phrase:
    place = _server(words[:1], config)
    if len(words) != 2 or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?%?", words[1]):
        raise UsageError("Require <weight> or <weight%>.")
    return Phrase(("host-weight", "--", *place, words[1]), _nothing)


def _set_maxconn(words: list[str], config: Config) -> Phrase:
    match words:
        case ["server", *rest]:
            place = _server(rest[:1], config)
            return Phrase(("host-maxconn", "--", *place, _limit(rest[1:], "Require <maxconn>.")), _nothing)
        case ["frontend"]:
            raise UsageError("A frontend name is expected.")
        case ["frontend", service, *rest]:
            return Phrase(("service-maxconn", "--", _frontend(service, config), _limit(rest)), _nothing)
        case ["global", *rest]:
            return Phrase(("maxconn-set", "--", _limit(rest, "Expects an integer value.")), _nothing)
    raise UsageError("'set maxconn' only supports 'frontend', 'server', and 'global'.")


def _frontend(name: str, config: Config) -> str:
    """The service of this name."""
    names = [service.name for service in config.services]
    if name not in names:
        raise UsageError(f"No such frontend.\n{nearest(name, names)}")
    return name


def _limit(words: list[str], absent: str = "Integer value expected.") -> str:
    if len(words) != 1:
        raise UsageError(absent)
    if not re.fullmatch("[0-9]{1,18}", words[0]):
        raise UsageError("Integer value expected.")
    return "none" if int(words[0]) == 0 else words[0]


def _show_sess(words: list[str], config: Config) -> Phrase:
    _only(words, 0)
    return Phrase(("sessions",), haproxy.sessions)


def _shutdown_session(words: list[str], config: Config) -> Phrase:
    if len(words) != 1:
        raise UsageError("Session pointer expected (use 'show sess').")
    return Phrase(("session-close", "--", words[0]), _nothing, "No such session (use 'show sess').")


def _clear_counters(words: list[str], config: Config) -> Phrase:
    if words not in ([], ["all"]):
        raise UsageError("clear counters takes nothing, or 'all'")
    return Phrase(("counters-clear", "--all") if words else ("counters-clear",), _nothing)


def _set_timeout(words: list[str], config: Config) -> Phrase:
    """Who talks keeps the connection; tools say this first, and go away when it is refused."""
    if len(words) != 1 or not re.fullmatch("[0-9]{1,9}(us|ms|s|m|h|d)?", words[0]):
        raise UsageError("Invalid timeout value." if words else "Expects an integer value.")
    return Phrase(("version",), _nothing)


def _server(words: list[str], config: Config, members: bool = False) -> tuple[str, str, str]:
    """Service, group and host of `BACKEND/SERVER`; with `members`, those that stand for a host may be meant, too."""
    if len(words) != 1 or "/" not in words[0]:
        raise UsageError("Require 'backend/server'.")
    backend, _, server = words[0].partition("/")
    for service in config.services:
        for group in service.groups:
            if backend == f"{service.name}.{group.name}":
                if any(server == host.name or (members and server.startswith(f"{host.name}:")) for host in group.hosts):
                    return service.name, group.name, server
                hosts = [f"{backend}/{host.name}" for host in group.hosts]
                raise UsageError(f"No such server.\n{nearest(words[0], hosts)}")
    backends = [f"{service.name}.{group.name}" for service in config.services for group in service.groups]
    raise UsageError(f"No such backend.\n{nearest(backend, backends)}")


def _only(words: list[str], most: int) -> None:
    if len(words) > most:
        raise UsageError(f"too many words: {' '.join(words[most:])}")


def _nothing(result: Document) -> Iterator[str]:
    yield from ()


_FORMS: dict[str, Callable[[Iterable[haproxy.Row]], Iterable[str]]] = {
    "typed": haproxy.typed,
    "json": haproxy.as_json,
}
_INFO_FORMS: dict[str, Told] = {"": haproxy.info, "typed": haproxy.info_typed, "json": haproxy.info_json}
_STATES = {"ready": "host-up", "maint": "host-down", "drain": "host-drain"}
_PHRASES: dict[tuple[str, ...], Callable[[list[str], Config], Phrase]] = {
    ("show", "info"): _show_info,
    ("show", "stat"): _show_stat,
    ("show", "backend"): _shown(haproxy.backends),
    ("show", "servers", "state"): _show_servers_state,
    ("show", "errors"): _shown(haproxy.errors),
    ("get", "weight"): _get_weight,
    ("disable", "server"): _switch("host-down"),
    ("enable", "server"): _switch("host-up"),
    ("disable", "frontend"): _switch_frontend("service-disable"),
    ("enable", "frontend"): _switch_frontend("service-enable"),
    ("set", "server"): _set_server,
    ("shutdown", "sessions", "server"): _switch("host-close"),
    ("set", "weight"): _set_weight,
    ("set", "maxconn"): _set_maxconn,
    ("show", "sess"): _show_sess,
    ("shutdown", "session"): _shutdown_session,
    ("clear", "counters"): _clear_counters,
    ("set", "timeout", "cli"): _set_timeout,
}
_VERBS = {start[0] for start in _PHRASES}
