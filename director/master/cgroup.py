"""How many processors the control groups let us use: ours, and all that it lies in.

Both kinds are read: one tree for all controllers, and one for each of them. In a
container the tree begins with its own group, whatever the kernel calls that outside:
a group that can't be found limits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def quota(root: Path = Path("/")) -> float | None:
    """The least of the quotas, in processors; None without any. `root`: where /proc and /sys are."""
    quotas = [quota for folder in _folders(root) if (quota := _united(folder) or _divided(folder)) is not None]
    return min(quotas, default=None)


def _folders(root: Path) -> Iterator[Path]:
    """Of our groups that may limit processors, and of those above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path)
        for base in (mounts, mounts / "unified") if not controllers else (mounts / controllers, mounts / "cpu"):
            if not controllers or "cpu" in controllers.split(","):
                for one in (group, *group.parents):
                    yield base / one.relative_to("/")


def _united(folder: Path) -> float | None:
    try:
        most, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(most) / int(period)
    except (OSError, ValueError):  # "max" is no number
        return None


def _divided(folder: Path) -> float | None:
    try:
        most = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return most / period if most > 0 else None
