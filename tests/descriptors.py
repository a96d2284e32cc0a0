"""What this process has open: to see that nothing leaks."""

from __future__ import annotations

import os
from contextlib import suppress


def descriptors(sockets: bool = True) -> set[tuple[str, str]]:
    """All descriptors, each with what it stands for.

    Compare by `<=`, never by their count: what earlier tests left may vanish in between, and it may open sockets of
    its own when the loop runs again. Who opens none himself leaves `sockets` out.
    """
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            target = os.readlink(f"/proc/self/fd/{number}")
            if sockets or not target.startswith("socket:"):
                found.add((number, target))
    return found
