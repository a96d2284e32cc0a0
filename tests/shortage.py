"""A kernel that takes no more bytes into files, those in memory too: as on a full disk, but the error is EFBIG."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_room(pid: int = 0, beyond: int = 0) -> Iterator[None]:
    """For that process, ours unless said: no file can be written any further than so many bytes from its start."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (beyond, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
