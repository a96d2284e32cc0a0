"""A control group for memory, of whichever version the kernel has: who is in it and wants more is killed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Self

import pytest

ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    """One of our own, removed in the end; its processes must be gone by then. Skips where we may make none."""

    def __init__(self) -> None:
        second = (ROOT / "cgroup.controllers").exists()
        self._folder = (ROOT if second else ROOT / "memory") / f"director-test-{os.getpid()}"
        self._limit, self._count = (
            ("memory.max", "memory.events") if second else ("memory.limit_in_bytes", "memory.oom_control")
        )
        try:
            if second:
                (ROOT / "cgroup.subtree_control").write_text("+memory")
            self._folder.mkdir()
        except OSError as error:
            pytest.skip(f"can't make a control group here: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.rmdir()

    def confine(self, pid: int, more: int) -> None:
        """That process, which may use so many bytes more than it has."""
        (self._folder / "cgroup.procs").write_text(str(pid))
        (self._folder / self._limit).write_text(str(more))

    @property
    def killed(self) -> int:
        """How many the kernel has killed for it."""
        found = re.search(r"oom_kill (\d+)", (self._folder / self._count).read_text())
        assert found is not None
        return int(found[1])
