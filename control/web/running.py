"""What runs, in the forms that the ancestors had: /running.txt and /running.xml.

/running.txt, one record a line, its fields with a blank between them:

    service NAME LISTEN ENABLEDGROUP        once for each listener
    group NAME enabled|inactive
    host NAME IP:PORT OPEN -
    disabled NAME IP:PORT REASON -          REASON: free text, or maint, drain, unresolved

Hosts are sorted as strings by address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

Document = dict[str, Any]
_SERVES = ("up", "slowstart")
_WORDS = ("maint", "drain", "unresolved")


def text(stats: Document) -> str:
    """/running.txt of the statistics."""
    return "".join(f"{line}\n" for service in stats["services"] for line in _service(service))


def _service(service: Document) -> Iterator[str]:
    for listen in service["listen"]:
        yield f"service {service['name']} {listen} {service['enabled_group']}"
    for group in service["groups"]:
        yield f"group {group['name']} {'enabled' if group['enabled'] else 'inactive'}"
        for host in _sorted(group["hosts"]):
            if host["state"] in _SERVES:
                yield f"host {host['name']} {host['ip']} {host['open']} -"
            else:
                reason = host["state"] if host["state"] in _WORDS else " ".join((host["reason"] or "down").split())
                yield f"disabled {host['name']} {host['ip']} {reason} -"


def _sorted(hosts: list[Document]) -> list[Document]:
    return sorted(hosts, key=lambda host: str(host["ip"]))


def xml(stats: Document) -> str:
    """/running.xml of the statistics."""
    lines = ["<pdconfig>"]
    for service in stats["services"]:
        lines.append(f"  <service name={quoteattr(service['name'])}>")
        lines += [f"    <listen ip={quoteattr(listen)} />" for listen in service["listen"]]
        for group in service["groups"]:
            lines.append(f"    <group name={quoteattr(group['name'])} scheduler={quoteattr(group['scheduler'])}>")
            for host in _sorted(group["hosts"]):
                lines.append(f"      <host name={quoteattr(host['name'])} ip={quoteattr(host['ip'])} />")
            lines.append("    </group>")
        if service["enabled_group"]:
            lines.append(f"    <enable group={quoteattr(service['enabled_group'])} />")
        lines.append("  </service>")
    return "\n".join([*lines, "</pdconfig>", ""])
