"""What runs, in the forms that the ancestors had: /running.txt and /running.xml.

/running.txt, one record a line, its fields with a blank between them:

    service NAME LISTEN ENABLEDGROUP        once for each listener
    group NAME enabled|inactive
    host NAME IP:PORT OPEN -                hosts that get connections, sorted as strings by address
    disabled NAME IP:PORT REASON -          the others; REASON: free text, or maint, drain, unresolved

/running.xml is to the byte as minidom wrote it for them: attributes by the
alphabet, four blanks a level, all hosts of a group sorted by address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from control.usability import is_up
from director.config.model import Admin, Config
from director.config.writer import escaped

Document = dict[str, Any]
_WORDS = ("maint", "drain", "unresolved")


def text(stats: Document) -> str:
    """/running.txt of the statistics."""
    return "".join(f"{line}\n" for service in stats["services"] for line in _service(service))


def _service(service: Document) -> Iterator[str]:
    for listen in service["listen"]:
        yield f"service {service['name']} {listen} {service['enabled_group']}"
    for group in service["groups"]:
        yield f"group {group['name']} {'enabled' if group['enabled'] else 'inactive'}"
        hosts = _sorted(group["hosts"])
        for host in hosts:
            if is_up(host):
                yield f"host {host['name']} {host['ip']} {host['open']} -"
        for host in hosts:
            if not is_up(host):
                reason = host["state"] if host["state"] in _WORDS else " ".join((host["reason"] or "down").split())
                yield f"disabled {host['name']} {host['ip']} {reason} -"


def _sorted(hosts: list[Document]) -> list[Document]:
    return sorted(hosts, key=lambda host: str(host["ip"]))


def xml(stats: Document, config: Config) -> str:
    """/running.xml of the statistics; admins, their users and the log file as the config has them."""
    parts = ['<?xml version="1.0" ?>\n<pdconfig>']
    for service in stats["services"]:
        parts.append(f"\n    {_tag('service', name=service['name'])}")
        parts += [f"\n        {_tag('listen', ip=listen, closed=True)}" for listen in service["listen"]]
        for group in service["groups"]:
            parts.append(f"\n        {_tag('group', name=group['name'], scheduler=group['scheduler'])}")
            for host in _sorted(group["hosts"]):
                parts.append(f"\n            {_tag('host', ip=host['ip'], name=host['name'], closed=True)}")
            parts.append("\n        </group>")
        parts.append("\n        ")
        if service["enabled_group"]:
            parts.append(_tag("enable", group=service["enabled_group"], closed=True))
        parts.append("\n    </service>")
    parts.append("\n    ")
    parts += _admins(config.admins)
    if config.logging.file and config.logging.file.startswith("/"):
        parts.append(_tag("logging", file=config.logging.file, closed=True))
    return "".join([*parts, "\n</pdconfig>"])


def _admins(admins: Iterable[Admin]) -> Iterator[str]:
    for admin in admins:
        yield _tag("admin", listen=str(admin.listen))
        for user in admin.users:
            yield f"\n        {_tag('user', access=user.access, name=user.name, password=user.password, closed=True)}"
        yield "\n    </admin>\n    "


def _tag(tag: str, /, closed: bool = False, **attributes: str) -> str:
    words = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    return f"<{tag}{words}{'/' if closed else ''}>"
