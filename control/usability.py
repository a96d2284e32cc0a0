"""Which hosts of the stats get new connections. Pure.

Counterpart of `director.config.usability`, which goes by what the config and operators say.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_UP = ("up", "slowstart")


def is_up(host: Document) -> bool:
    """Whether its state lets it have some."""
    return host["state"] in _UP


def is_usable(host: Document) -> bool:
    """Whether it gets some: it is up, and its weight is not 0."""
    return is_up(host) and host["weight"] > 0
