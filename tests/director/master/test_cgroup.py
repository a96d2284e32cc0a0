"""Quotas of processors, in trees of control groups as kernels show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.master.cgroup import quota


def kernel(root: Path, groups: str, **files: str) -> Path:
    """A /proc and a /sys with these files below /sys/fs/cgroup; `__` in a name is a slash."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        folder, _, file = name.rpartition("__")
        path = root / "sys/fs/cgroup" / folder.replace("__", "/")
        path.mkdir(parents=True, exist_ok=True)
        (path / f"cpu.{file}").write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files", "processors"),
    [
        ("0::/\n", {"max": "150000 100000"}, 1.5),  # a container
        ("0::/\n", {"max": "max 100000"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a__b__max": "200000 100000"}, 2.0),  # a service of systemd
        ("0::/a/b\n", {"a__b__max": "max 100000", "a__max": "50000 100000"}, 0.5),
        ("0::/a/b\n", {"a__b__max": "300000 100000", "a__max": "400000 100000"}, 3.0),
        ("0::/outside\n", {"max": "100000 100000"}, 1.0),
        ("0::/../beside\n", {"max": "100000 100000"}, 1.0),
        ("0::/a\n", {"unified__a__max": "100000 100000"}, 1.0),
        ("1:cpu:/a\n0::/\n", {"cpu__a__cfs_quota_us": "250000", "cpu__a__cfs_period_us": "100000"}, 2.5),
        ("1:cpu:/a\n0::/\n", {"cpu__a__cfs_quota_us": "-1", "cpu__a__cfs_period_us": "100000"}, None),
        ("4:cpu,cpuacct:/a\n", {"cpu,cpuacct__cfs_quota_us": "100000", "cpu,cpuacct__cfs_period_us": "50000"}, 2.0),
        ("4:memory:/a\n", {"memory__a__max": "100000 100000"}, None),
    ],
)
def test_the_least_quota_of_our_group_and_those_above_it_counts(
    tmp_path: Path, groups: str, files: dict[str, str], processors: float | None
) -> None:
    assert quota(kernel(tmp_path, groups, **files)) == processors


def test_without_proc_there_is_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path) is None
