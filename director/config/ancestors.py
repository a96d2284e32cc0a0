"""Files of Python Director and txLoadBalancer, rewritten into elements of ours.

Only what they wrote in another form is touched here; that what they ignored is
a warning and not an error, the reader sees to. Where the two differ, each
form is taken under both roots.
"""

from __future__ import annotations

from collections.abc import Callable

from director.access import Access
from director.config.document import Node
from director.config.schema import ELEMENTS
from director.config.values import BadValue, truth
from director.printable import quoted

PYTHON_DIRECTOR = "pdconfig"
ROOTS = (PYTHON_DIRECTOR, "config")

Say = Callable[[int, str, str], None]  # line, what, remedy

_CHECKTIME = ELEMENTS["checktime"].rows["time"].value


def rewrite(root: Node, warn: Say, error: Say) -> None:
    """Turn the tree of an ancestor's file into one that the reader knows; in place."""
    _drop_notes(root)
    children: list[Node] = []
    checks: list[Node] = []
    for child in root.children:
        match child.tag:
            case "manager":
                checks += _manager(child, warn)
            case "admin":
                children += _admin(child, root.tag, warn)
            case _:
                children.append(child)
        if child.tag == "service":
            _service(child, warn)
    root.children = [*_checktimes(checks, children, warn, error), *children]


def _drop_notes(node: Node) -> None:
    node.children = [child for child in node.children if child.tag != "note"]
    for child in node.children:
        _drop_notes(child)


def _is_on(node: Node, warn: Say) -> bool:
    """What its enable= says; off without one."""
    text = node.attributes.get("enable", "")
    said = truth(text)
    if said is None and text:
        warn(
            node.line, f"enable {quoted(text)} of <{node.tag}> is neither yes nor no: it is off", "write true or false"
        )
    return said or False


def _service(service: Node, warn: Say) -> None:
    """Groups that say enable= become <enable>; hosts without a name are called by their position."""
    enables = []
    for group in service.children:
        if group.tag != "group":
            continue
        if _is_on(group, warn):
            enables.append(Node("enable", {"group": group.name}, group.line))
        group.attributes.pop("enable", None)
        hosts = [host for host in group.children if host.tag == "host"]
        for position, host in enumerate(hosts):
            if not host.name:
                host.attributes["name"] = f"host.{position}"
    # Before any <enable>, so that an explicit one is the last and counts.
    service.children[:0] = enables


def _checktimes(checks: list[Node], children: list[Node], warn: Say, error: Say) -> list[Node]:
    """The last of the host checks, if no <checktime> says another time: the ancestors took that before them."""
    said = [child for child in children if child.tag == "checktime"]
    for check in checks:
        last = [*checks, *said][-1]
        if check.attributes != last.attributes:
            counts = f"<{'checktime' if said else 'hostCheck'}> of line {last.line} counts"
            warn(check.line, f"<hostCheck> is ignored: {counts}", "take one of them out")
    return [] if said else [check for check in checks[-1:] if _is_right(check, error)]


def _is_right(check: Node, error: Say) -> bool:
    """Whether a host check says a time. If not, this tells of it in the words that the file has for it."""
    interval = check.attributes["time"]
    try:
        _CHECKTIME.parse(interval.strip(), "")
    except BadValue as wrong:
        error(check.line, f"bad interval {quoted(interval)} of <hostCheck>: {wrong.reason}", wrong.remedy)
        return False
    return True


def _manager(manager: Node, warn: Say) -> list[Node]:
    """Its host checks that are on, as what says how often."""
    found = []
    for child in manager.children:
        if child.tag != "hostCheck":
            warn(child.line, f"<{child.tag[:60]}> is ignored", "nothing here does its work; take it out")
        elif _is_on(child, warn) and "interval" in child.attributes:
            found.append(Node("checktime", {"time": child.attributes["interval"]}, child.line))
    return found


def _admin(admin: Node, root: str, warn: Say) -> list[Node]:
    """An admin for its own listen=, and one for each <web> that is on."""
    users = [child for child in admin.children if child.tag not in ("web", "ssh")]
    nested = [child for child in admin.children if child.tag in ("web", "ssh")]
    admin.children = users
    for user in users:
        written = user.attributes.get("access", "").strip()
        if written not in [*Access] and (access := written.lower()) in [*Access]:
            # The ancestors let such a user do nothing at all: whoever gives him rights by it shall know.
            name = quoted(user.attributes.get("name", ""))
            warn(user.line, f"access {quoted(written)} of user {name} is taken as {access!r}", f'write "{access}"')
            user.attributes["access"] = access
    found = [admin] if "listen" in admin.attributes or not nested else []
    for child in nested:
        if child.tag == "ssh":
            warn(
                child.line,
                "<ssh> is ignored",
                "there is no Python console; use directorctl",
            )
        elif not _is_on(child, warn):
            warn(child.line, "this web admin is off", 'write enable="true" to have it')
        else:
            attributes = {**admin.attributes, **child.attributes}
            del attributes["enable"]
            if attributes.pop("refresh", None) is not None:
                warn(
                    child.line,
                    "refresh is ignored",
                    "pages renew themselves; take it out",
                )
            # What else is in it is strange to the reader: that is said of the first one.
            shared = [user for user in users if user.tag == "user"] if found else list(users)
            found.append(Node("admin", attributes, child.line, shared, origin=admin))
    if root == PYTHON_DIRECTOR and truth(admin.attributes.get("secure", "")) and "cert" not in admin.attributes:
        # It lay where the program was started, which no file tells.
        warn(admin.line, "server.pem is not looked for", 'write cert="server.pem", or have a certificate made')
    return found
