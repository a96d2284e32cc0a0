"""What this process has open: to see that nothing leaks."""

from __future__ import annotations

import os
from contextlib import suppress


def descriptors() -> set[tuple[str, str]]:
    """All descriptors, each with what it stands for.

    Compare by `<=`, never by their count: what earlier tests left may vanish in between.
    """
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found
