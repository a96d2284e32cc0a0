"""config.xml in a few words.

Attributes are given with `_` for `-`: `service(..., idle_timeout="1s")`.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr


def _attributes(values: dict[str, object]) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(str(value))}" for name, value in values.items())


def host(name: str, ip: str, **attributes: object) -> str:
    return f"<host{_attributes({'name': name, 'ip': ip, **attributes})}/>"


def group(*hosts: str, name: str = "main", scheduler: str = "roundrobin", **attributes: object) -> str:
    opening = _attributes({"name": name, "scheduler": scheduler, **attributes})
    return f"<group{opening}>{''.join(hosts)}</group>"


def service(
    listen: str | Iterable[str], *groups: str, name: str = "web", enable: str | None = None, **attributes: object
) -> str:
    addresses = [listen] if isinstance(listen, str) else listen
    listens = "".join(f"<listen{_attributes({'ip': address})}/>" for address in addresses)
    enabled = f"<enable{_attributes({'group': enable})}/>" if enable else ""
    return f"<service{_attributes({'name': name, **attributes})}>{listens}{''.join(groups)}{enabled}</service>"


def director(*services: str, **attributes: object) -> str:
    """The whole file, with two workers unless said otherwise; it logs to director.log beside it."""
    body = "\n  ".join([*services, '<logging file="director.log" level="debug"/>'])
    return f"<director{_attributes({'workers': 2, **attributes})}>\n  {body}\n</director>\n"


def one_service(listen: str | Iterable[str], *hosts: str, scheduler: str = "roundrobin", **attributes: object) -> str:
    """A file with the service `web`, whose group `main` has these hosts; attributes are the director's."""
    return director(service(listen, group(*hosts, scheduler=scheduler)), **attributes)
