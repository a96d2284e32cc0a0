"""A root of its own, to install things in: this machine, copied on write, with no network but a loopback.

It lives in namespaces of its own; when its first process ends, which ends with
the test, every process in it is gone and every change with it. Root only.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BOOKS = (
    "/var/lib/dpkg/", "/var/log/dpkg.log", "/var/cache/", "/var/lib/logrotate/",
    "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"
)  # fmt: skip
_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "DEBIAN_FRONTEND=noninteractive",
    "LC_ALL=C",
    "RUNLEVEL=2",  # else services are not started
)

_BEGIN = """
set -e
mount -t tmpfs -o mode=755 none "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
mount -t proc none "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=755 none "$1/root/run"
mount -t tmpfs -o mode=1777 none "$1/root/tmp"
# A machine that starts what it installs, as most do.
rm -f "$1/root/usr/sbin/policy-rc.d"
ip link set lo up 2>/dev/null || ifconfig lo up
cp "$2"/* "$1/root/tmp/"
echo ready
exec chroot "$1/root" cat
"""


@dataclass(frozen=True)
class Root:
    """Run commands in it; `first` is its first process, as this side numbers it."""

    first: int
    folder: Path

    def command(self, *words: str) -> list[str]:
        inside = ["env", "-i", *_ENVIRONMENT, *words]
        return ["nsenter", "--target", str(self.first), "--mount", "--net", "--pid", "--root", "--wd", *inside]

    def try_(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever comes of it. What it leaves running must not hold its output."""
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                self.command(*words), stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=180, cwd="/"
            )
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, said.read())

    def run(self, *words: str) -> str:
        """Run a command that must succeed; what it said."""
        done = self.try_(*words)
        assert done.returncode == 0, f"{words}: exit {done.returncode}: {done.stdout}"
        return done.stdout

    def json(self, *words: str) -> dict[str, object]:
        found = json.loads(self.run(*words))
        assert isinstance(found, dict)
        return found

    def files(self) -> set[str]:
        """All that lies where packages put things, but for dpkg's own books and what others make of them."""
        found = self.run("find", "/etc", "/usr", "/var", "/opt", "-xdev").splitlines()
        return {path for path in found if not path.startswith(_BOOKS)}


@contextmanager
def throwaway(files: Path) -> Iterator[Root]:
    """The root, with the files of that folder in its /tmp."""
    with tempfile.TemporaryDirectory(prefix="dir-", dir="/tmp") as folder:
        namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        command = [*namespaces, "bash", "-c", _BEGIN, "begin", folder, str(files)]
        begun = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert begun.stdout is not None
            assert begun.stdout.readline() == "ready\n"
            children = Path(f"/proc/{begun.pid}/task/{begun.pid}/children").read_text().split()
            yield Root(int(children[0]), Path(folder))
        finally:
            begun.communicate(timeout=60)
