"""Makes wheel and source archive, the same to the bit each time.

python etc/packages/archives.py [FOLDER]     into dist/ if no folder is given
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import source


def make(folder: Path) -> list[Path]:
    """Both archives, in that folder. The wheel is made from the source archive, as others will make it."""
    before = set(folder.glob("*")) if folder.exists() else set()
    with tempfile.TemporaryDirectory() as clean:
        source.copy(Path(clean))
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), clean]
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch()), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=0o022)
    if done.returncode:
        sys.exit(done.stdout.decode())
    for archive in folder.glob("*.tar.gz"):
        archive.write_bytes(_normal(archive.read_bytes()))
    return sorted(set(folder.glob("*")) - before)


def _normal(archive: bytes) -> bytes:
    """A source archive without the order, owners and times of the machine that made it."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        gzip.GzipFile(fileobj=out, mode="wb", mtime=source.epoch(), filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = source.epoch()
            member.mode = 0o755 if member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return out.getvalue()


if __name__ == "__main__":
    for made in make(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")):
        print(made)
