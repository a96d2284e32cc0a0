"""How tests make what is shipped: by the programs that make it for everybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

MAKERS = ROOT / "etc" / "packages"


def made(maker: str, folder: Path) -> list[Path]:
    """Run a maker; what is in the folder then."""
    command = [sys.executable, str(MAKERS / maker), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(folder.iterdir())


def deb(folder: Path) -> Path:
    """The Debian package."""
    return next(path for path in made("deb.py", folder) if path.suffix == ".deb")
