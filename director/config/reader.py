"""config.xml -> Config, or all that is wrong with it.

Every problem is found in one pass: after one, reading goes on with a value in
its place. `fault` is what `<director>` refuses and the ancestors ignored: an
error or, in a file of theirs, a warning. The grammar is `schema.py`'s; here is
what must fit together. Counterpart of `writer.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

from director.config import ancestors, values
from director.config.addresses import is_loopback, same_place
from director.config.checking import REMEDY, misfit
from director.config.document import Malformed, Node, parse
from director.config.lookup import nearest
from director.config.model import (
    Admin,
    Check,
    Config,
    Control,
    Dns,
    Endpoint,
    Group,
    Host,
    Listen,
    Logging,
    Service,
    User,
)
from director.config.schema import (
    CHECK_ATTRIBUTES,
    ELEMENTS,
    HOST_TCP_ATTRIBUTES,
    TCP_ATTRIBUTES,
    UNIX_ATTRIBUTES,
    Attribute,
    Element,
)
from director.config.values import BadValue
from director.errors import Problem, Severity
from director.printable import quoted

T = TypeVar("T")

MAX_PROBLEMS = 1000  # beyond these a text is not a config with mistakes

_FORMER = {  # elements and attributes of the ancestors' files, and what does their work under <director>
    "note": "write a comment, <!-- ... -->",
    "manager": 'write <checktime time="..."/>',
    "web": 'write <admin listen="..."/>',
    "ssh": "use directorctl",
    "enable": 'write <enable group="..."/> in the service',
}


def read(text: bytes, file: str, folder: str = "") -> tuple[Config | None, tuple[Problem, ...]]:
    """The config that `text` describes, and what is wrong with it, by line.

    `file` is for the problems only. Relative paths start at `folder`. The
    config is None if any problem is an error. Nothing is opened or looked up.
    """
    reading = _Reading(file, folder)
    config = None
    try:
        config = reading.config(parse(text))
    except Malformed as error:
        reading.error(error.line, error.reason, error.remedy)
    except _TooMany:
        reading.say(
            Severity.ERROR,
            0,
            f"more than {MAX_PROBLEMS} problems",
            "mend these first",
            last=True,
        )
    problems = tuple(sorted(reading.problems, key=lambda problem: problem.line))
    wrong = any(problem.severity is Severity.ERROR for problem in problems)
    return (None if wrong else config), problems


class _TooMany(Exception):
    """Enough problems for one reading."""


def _key(node: Node) -> str | None:
    """The attribute that tells an element from its like."""
    if node.tag == "director":
        return None
    return next(
        (key for key in ("name", "ip", "listen", "group") if node.attributes.get(key)),
        None,
    )


def _label(node: Node) -> str:
    """What a problem calls an element: group 'main', listen '*:80', <check>."""
    key = _key(node)
    return f"<{node.tag[:60]}>" if key is None else f"{node.tag} {quoted(node.attributes[key])}"


def _place(tag: str) -> str | None:
    """The remedy for an element that stands in another than it may; None: there is no such element."""
    parents = [element.tag for element in ELEMENTS.values() if tag in element.children]
    inner = [f"{'an' if parent[0] in 'aeiou' else 'a'} <{parent}>" for parent in parents if parent != "director"]
    return f"move it into {' or '.join(inner or ['the root'])}" if parents else None


def _right(row: Attribute) -> str:
    """The remedy for an attribute without a value."""
    leave = "" if row.required else "leave it out, or "
    return f'{leave}write {row.name}="...", {row.value.what}'


class _Reading:
    """One pass over one text: the problems so far, and the addresses taken."""

    def __init__(self, file: str, folder: str) -> None:
        self.file = file
        self.folder = folder
        self.lenient = False  # an ancestor's file
        self.problems: dict[Problem, None] = {}  # in order; each once, though ancestors' admins share their users
        self.taken: dict[tuple[str, int, str], tuple[str, int]] = {}  # place: (whose, line)
        self.rights: dict[tuple[str | None, str | None], int] = {}  # (control socket, group): line

    # -- problems

    def say(
        self,
        severity: Severity,
        line: int,
        message: str,
        remedy: str,
        last: bool = False,
    ) -> None:
        if len(self.problems) >= MAX_PROBLEMS and not last:
            raise _TooMany
        self.problems[Problem(severity, self.file, line, message, remedy)] = None

    def error(self, line: int, message: str, remedy: str) -> None:
        self.say(Severity.ERROR, line, message, remedy)

    def warn(self, line: int, message: str, remedy: str) -> None:
        self.say(Severity.WARNING, line, message, remedy)

    def fault(self, line: int, message: str, remedy: str) -> None:
        self.say(Severity.WARNING if self.lenient else Severity.ERROR, line, message, remedy)

    # -- any element

    def attributes(self, node: Node, element: Element) -> dict[str, Any] | None:
        """Values by field, without those not given or bad; None: a required one is missing or bad."""
        found: dict[str, Any] = {}
        for name, text in node.attributes.items():
            row = element.rows.get(name)
            if row is None:
                remedy = _FORMER.get(name) or nearest(name, element.rows)
                self.fault(
                    node.line,
                    f"unknown attribute {quoted(name)} of {_label(node)}",
                    remedy,
                )
                continue
            try:
                found[row.field] = row.value.parse(text if row.value.verbatim else text.strip(), self.folder)
            except BadValue as error:
                self.bad(node, row, text, error)
            else:
                self.doubt(node, row, text.strip())
        complete = True
        for row in element.attributes:
            if row.required and row.field not in found:
                complete = False
                if row.name not in node.attributes:
                    self.error(node.line, f"{_label(node)} has no {row.name}", _right(row))
        if element.names is not None and "name" in found and (wrong := element.names.misfit(found["name"])):
            self.fault(node.line, f"{_label(node)} has {wrong}", f"use {element.names.value.what}")
        return found if complete else None

    def doubt(self, node: Node, row: Attribute, text: str) -> None:
        """Say how one attribute's text was read if that is likely to surprise."""
        if remedy := row.value.doubt(text):
            self.warn(node.line, f"{row.name} {quoted(text)} of {_label(node)} is in seconds", remedy)

    def bad(self, node: Node, row: Attribute, text: str, error: BadValue) -> None:
        """Say what is wrong with one attribute's text."""
        shown = "" if row.value.secret else f" {quoted(text)}"
        owner = f"<{node.tag}>" if row.name == _key(node) else _label(node)
        if not text.strip():
            self.error(node.line, f"empty {row.name} of {owner}", _right(row))
        elif error.unknown:
            self.error(node.line, f"unknown {row.name}{shown} of {owner}", error.remedy)
        else:
            self.error(
                node.line,
                f"bad {row.name}{shown} of {owner}: {error.reason}",
                error.remedy,
            )

    def children(self, node: Node, element: Element) -> dict[str, list[Node]]:
        """Its children by tag, at most one (the last) of those that there may be once."""
        if node.stray and not self.lenient:
            text, line = node.stray
            self.error(
                line,
                f"stray text {quoted(text)} in {_label(node)}",
                "take it out, or make it a comment",
            )
        found: dict[str, list[Node]] = {tag: [] for tag in element.children}
        for child in node.children:
            if child.tag in found:
                found[child.tag].append(child)
            else:
                remedy = _FORMER.get(child.tag) or _place(child.tag) or nearest(child.tag, element.children)
                self.fault(
                    child.line,
                    f"unknown element <{child.tag[:60]}> in {_label(node)}",
                    remedy,
                )
        for tag in element.once:
            for first, child in pairwise(found[tag]):
                if child.attributes != first.attributes or not self.lenient:
                    message = f"another <{tag}> in {_label(node)} than in line {first.line}"
                    self.fault(child.line, message, self.which("keep one"))
            found[tag] = found[tag][-1:]
        return found

    def which(self, remedy: str) -> str:
        """The remedy against a duplicate, or what becomes of it."""
        return "the last one counts" if self.lenient else remedy

    def unique(self, nodes: list[Node]) -> list[Node]:
        """The same nodes; in an ancestor's file the last one of each name, where the first one was."""
        kept: dict[str, Node] = {}
        nameless = []
        for node in nodes:
            if not node.name:
                nameless.append(node)
                continue
            if node.name in kept:
                message = f"another {_label(node)} than in line {kept[node.name].line}"
                self.fault(node.line, message, self.which("give each its own name"))
            kept[node.name] = node
        return [*kept.values(), *nameless] if self.lenient else nodes

    def leaf(self, node: Node) -> dict[str, Any] | None:
        """The attributes of an element without children."""
        element = ELEMENTS[node.tag]
        self.children(node, element)
        return self.attributes(node, element)

    def take(self, endpoint: Endpoint, line: int, owner: str) -> None:
        """Note that `owner` listens on this address, which nobody else may."""
        if same_place(endpoint) in self.taken:
            other, at = self.taken[same_place(endpoint)]
            message = f"{owner} listens on {endpoint}, as {other} does in line {at}"
            self.error(line, message, "give one of them another address or port")
        else:
            self.taken[same_place(endpoint)] = owner, line

    # -- each element; None: it can't be made, and a problem says why

    def config(self, root: Node) -> Config | None:
        """The root and all that is in it."""
        self.lenient = root.tag in ancestors.ROOTS
        if self.lenient:
            ancestors.rewrite(root, self.warn, self.error)
        elif root.tag != "director":
            self.error(root.line, f"the root is <{root.tag[:60]}>", "begin with <director>")
            return None
        element = ELEMENTS["director"]
        children = self.children(root, element)
        found = self.attributes(root, element) or {}
        if not children["service"]:
            self.warn(root.line, "there is no service", 'write <service name="...">')
        services = _made(map(self.service, self.unique(children["service"])))
        admins = _made(map(self.admin, children["admin"]))
        controls = {
            (control.socket, control.group): control for control in _made(map(self.control, children["control"]))
        }
        logging = _made(Logging(**(self.leaf(node) or {})) for node in children["logging"])
        dns = _made(map(self.dns, children["dns"]))
        for node in children["checktime"]:
            found |= self.leaf(node) or {}
        return Config(
            services=services,
            admins=admins,
            controls=tuple(controls.values()),
            logging=logging[-1] if logging else Logging(),
            dns=dns[-1] if dns else Dns(),
            **found,
        )

    def service(self, node: Node) -> Service | None:
        element = ELEMENTS["service"]
        children = self.children(node, element)
        found = self.attributes(node, element)
        if not children["listen"]:
            self.error(
                node.line,
                f"{_label(node)} has no <listen>",
                'write <listen ip="*:80"/> in it',
            )
        if not children["group"]:
            message = f"{_label(node)} has no group: its clients are closed at once"
            self.warn(node.line, message, 'write <group name="main"> in it')
        owner = _label(node)
        listens = {same_place(listen.ip): listen for listen in _made(self.listen(n, owner) for n in children["listen"])}
        nodes = self.unique(children["group"])
        enabled = self.enabled(node, children["enable"], [group.name for group in nodes])
        groups = _made(map(self.group, nodes))
        if found is None:
            return None
        return Service(listens=tuple(listens.values()), groups=groups, enabled=enabled, **found)

    def enabled(self, service: Node, enables: list[Node], names: list[str]) -> str:
        """The name of the group that is enabled: the one <enable> says, or the first."""
        for node in enables:
            name: str | None = (self.leaf(node) or {}).get("enabled")
            if name is not None and name not in names:
                if not all(names):
                    continue  # it may be the one whose name is missing, which is said of that
                message = f"unknown group {quoted(name)} enabled in {_label(service)}"
                self.error(node.line, message, nearest(name, names))
            elif name is not None:
                return name
        return names[0] if names else ""

    def listen(self, node: Node, owner: str) -> Listen | None:
        found = self.leaf(node)
        if found is None:
            return None
        listen = Listen(**found)
        wrong, other = (TCP_ATTRIBUTES, "TCP addresses") if listen.ip.path else (UNIX_ATTRIBUTES, "unix sockets")
        for name in node.attributes.keys() & set(wrong):
            self.error(
                node.line,
                f"{name} of {_label(node)}: only {other} have it",
                "take it out",
            )
        if self.lenient and self.taken.get(same_place(listen.ip), ("", 0))[0] == owner:
            self.warn(node.line, f"{owner} listens on {listen.ip} twice", "take one out")
        else:
            self.take(listen.ip, node.line, owner)
        return listen

    def group(self, node: Node) -> Group | None:
        element = ELEMENTS["group"]
        children = self.children(node, element)
        found = self.attributes(node, element)
        check = self.check(children["check"])
        hosts = _made(self.host(host, check) for host in self.unique(children["host"]))
        if not children["host"]:
            self.warn(
                node.line,
                f"{_label(node)} is empty: its clients are closed at once",
                "give it a <host>",
            )
        return None if found is None else Group(hosts=hosts, check=check, **found)

    def host(self, node: Node, shared: Check | None) -> Host | None:
        """A host; `shared`: the check of its group."""
        element = ELEMENTS["host"]
        children = self.children(node, element)
        found = self.attributes(node, element)
        check = self.check(children["check"])
        if found is None:
            return None
        host = Host(check=check, **found)
        wrong = misfit(check or shared, host.ip)
        if wrong is not None:
            self.error(node.line, f"the check of {_label(node)} {wrong}", REMEDY)
        if host.ip.path:
            for name in sorted(node.attributes.keys() & HOST_TCP_ATTRIBUTES):
                self.error(node.line, f"{name} of {_label(node)}: only TCP addresses have it", "take it out")
        return host

    def check(self, nodes: list[Node]) -> Check | None:
        for node in nodes:
            found = self.leaf(node)
            if found is None:
                return None
            check = Check(**found)
            if node.attributes.get("type", check.type).strip() != check.type:
                return check  # one that is not there, which has been said: what it may have is not known
            for name in node.attributes:
                types = CHECK_ATTRIBUTES.get(name, (check.type,))
                if check.type not in types:
                    message = f"{name} of a check of type {check.type}"
                    self.error(node.line, message, f"only {' and '.join(types)} have it")
            if check.type in ("http", "https") and check.expect is not None:
                return self.statuses(node, check)
            self.check_exchange(node, check)
            return check
        return None

    def statuses(self, node: Node, check: Check) -> Check:
        """The check with the one form of the statuses it expects."""
        try:
            return replace(check, expect=values.canonical_statuses(check.expect or ""))
        except BadValue as error:
            self.error(
                node.line,
                f"bad expect {quoted(check.expect or '')}: {error.reason}",
                error.remedy,
            )
            return check

    def check_exchange(self, node: Node, check: Check) -> None:
        """What a check of type send or script can't do without, and what it can't have both of."""
        given = node.attributes.keys()
        if check.type == "script" and "command" not in given:
            self.error(
                node.line,
                "a check of type script has no command",
                'write command="PATH"',
            )
        if check.type == "send" and not given & {
            "send",
            "send-hex",
            "expect",
            "expect-hex",
            "pattern",
        }:
            self.error(
                node.line,
                "a check of type send says and expects nothing",
                "write send or expect",
            )
        for name in ("send", "expect"):
            if {name, f"{name}-hex"} <= given:
                self.error(node.line, f"a check has both {name} and {name}-hex", "keep one")

    def admin(self, node: Node) -> Admin | None:
        if self.lenient and "listen" not in node.attributes:
            self.warn(
                node.line,
                "this admin is off: it has no listen",
                'write listen="127.0.0.1:7001"',
            )
            return None
        element = ELEMENTS["admin"]
        children = self.children(node, element)
        found = self.attributes(node, element)
        users = _made(map(self.user, self.unique(children["user"])))
        if not children["user"] and "users" not in node.attributes:
            message = f"{_label(node)} has no users" + (": it is off" if self.lenient else "")
            self.fault(node.line, message, 'write users="users.yaml" or <user> elements in it')
            if self.lenient:
                return None
        if found is None:
            return None
        admin = Admin(users=users, **found)
        if not admin.secure and not is_loopback(admin.listen):
            message = f"{_label(node)} sends passwords in clear"
            self.warn(node.line, message, 'write secure="yes", or listen on 127.0.0.1')
        if not admin.secure and (admin.cert or admin.key):
            self.warn(
                node.line,
                f"{_label(node)} has no use for cert and key",
                'write secure="yes"',
            )
        self.take(admin.listen, node.line, _label(node))
        return admin

    def user(self, node: Node) -> User | None:
        found = self.leaf(node)
        if found is None:
            return None
        user = User(**found)
        if not values.is_hash(user.password):
            message = f"the password of {_label(node)} is not a hash: nobody can enter by it"
            self.fault(node.line, message, "make one by `directorctl password-hash`")
        return user

    def control(self, node: Node) -> Control | None:
        found = self.leaf(node)
        if found is None:
            return None
        control = Control(**found)
        rights = control.socket, control.group
        if rights in self.rights:
            message = f"another {_label(node)} than in line {self.rights[rights]}"
            self.fault(node.line, message, self.which("keep one for each socket and group"))
            return control
        self.rights[rights] = node.line
        if control.socket is not None and all(socket != control.socket for socket, _ in list(self.rights)[:-1]):
            self.take(Endpoint(path=control.socket), node.line, "the control socket")
        return control

    def dns(self, node: Node) -> Dns | None:
        found = self.leaf(node)
        if found is None:
            return None
        dns = Dns(**found)
        if dns.min_ttl > dns.max_ttl:
            self.error(node.line, "min-ttl of <dns> is over max-ttl", "write a smaller one")
        return dns


def _made(things: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(thing for thing in things if thing is not None)
