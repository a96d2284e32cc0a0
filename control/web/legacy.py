"""The web calls of Python Director and txLoadBalancer, for the scripts of their users.

A call is a command of directorctl under another name. What changes something is
answered as ever: 302 to /running?resultMessage=... with the body `OK`, or
`NOT OK` whenever it was not done. Names of arguments are taken in any case, and so
is access, as in the files of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS


class MissingError(Exception):
    """An argument is missing."""


@dataclass(frozen=True)
class Call:
    """One call: the command it stands for, and what it takes, in the order of the command's arguments.

    `args`: names that an argument may have, the first that is there counts.
    `options`: what it takes beside, by the names that the command has for them.
    """

    command: str
    args: tuple[tuple[str, ...], ...] = ()
    options: tuple[str, ...] = ()
    needs_name: bool = False  # the last argument is a host's name, or its address
    spares_enabled: bool = False  # was to refuse the group that is enabled, as delGroup's command does by itself

    def given(self, sent: Mapping[str, str], stats: Callable[[], dict[str, Any]]) -> dict[str, str]:
        """What the command is given. Raises MissingError, CommandError."""
        values = {name.lower(): value for name, value in sent.items()}
        names = [argument.name for argument in find(self.command, COMMANDS).arguments]
        given = {}
        for name, spellings in (*zip(names, self.args, strict=False), *((name, (name,)) for name in self.options)):
            value = next((values[spelling] for spelling in spellings if values.get(spelling)), None)
            if value is None:
                raise MissingError(f"the argument {spellings[0]} is missing")
            given[name] = value.lower() if name == "access" else value
        if self.needs_name:
            given["host"] = _host_name(stats(), **given)
        if self.spares_enabled and (given["service"], given["group"]) in _enabled(stats()):
            why = f"group {given['group']!r} of {given['service']} is enabled; directorctl {self.command} does it"
            raise CommandError(ErrorKind.REFUSED, f"can't change the scheduler: {why}")
        return given


def _enabled(stats: dict[str, Any]) -> set[tuple[str, str]]:
    """Each service with the group that is enabled in it."""
    return {(one["name"], one["enabled_group"]) for one in stats["services"]}


def _host_name(stats: dict[str, Any], service: str, group: str, host: str) -> str:
    """The name of a host that is given by its name or by its address."""
    for one in stats["services"]:
        for other in one["groups"]:
            if (one["name"], other["name"]) == (service, group):
                by_address = [known["name"] for known in other["hosts"] if known["ip"] == host]
                named = any(known["name"] == host for known in other["hosts"])
                if len(by_address) > 1 and not named:
                    raise CommandError(ErrorKind.UNKNOWN, f"several hosts have the address {host}: give the name")
                return host if named or not by_address else str(by_address[0])
    return host


_SERVICE, _GROUP = ("service",), ("group",)
_HOST = (_SERVICE, _GROUP, ("name", "host", "client", "ip"))

CALLS: Mapping[str, Call] = {
    "addHost": Call("host-add", (_SERVICE, _GROUP, ("name",), ("ip",))),
    "delHost": Call("host-del", _HOST, needs_name=True),
    "delAllHosts": Call("host-del-all", (_SERVICE, _GROUP)),
    "enableGroup": Call("group-enable", (_SERVICE, _GROUP)),
    "changeScheduler": Call("group-scheduler", (_SERVICE, _GROUP, ("scheduler",)), spares_enabled=True),
    "newService": Call("service-add", (_SERVICE, ("listen",))),
    "newGroup": Call("group-add", (_SERVICE, _GROUP, ("scheduler",))),
    "delGroup": Call("group-del", (_SERVICE, _GROUP)),
    "addUser": Call("user-add", (("name",), ("access",)), ("password",)),
    "delUser": Call("user-del", (("name",),)),
    "closeLog": Call("log-reopen"),
    "retryHost": Call("host-retry", _HOST, needs_name=True),
    "hostAdminDown": Call("host-down", _HOST, needs_name=True),
    "hostAdminUp": Call("host-up", _HOST, needs_name=True),
    "save": Call("config-save"),
    "saveConfig": Call("config-save"),
    "reload": Call("reload"),
    "shutdown": Call("stop"),
}
