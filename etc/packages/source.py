"""The source as it goes into packages: the files of the project alone, with the times and rights of no machine.

What lies about in a folder that was worked in (old builds, caches) gets into no
package, and a package made twice from the same commit is the same to the bit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_MADE = {"build", "dist", "__pycache__"}


def epoch() -> int:
    """The time that everything in a package carries: $SOURCE_DATE_EPOCH, else that of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if (ROOT / ".git").exists():
        return int(_git("log", "-1", "--format=%ct"))
    return int((ROOT / "CHANGES.md").stat().st_mtime)


def files() -> list[str]:
    """Every file of the project, as a path from its root."""
    if (ROOT / ".git").exists():
        listed = _git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        return sorted(name for name in listed if (ROOT / name).is_file())
    walked = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return sorted(str(path) for path in walked if not _is_made(path))


def copy(folder: Path) -> None:
    """Put the files there."""
    for name in files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o755 if os.access(ROOT / name, os.X_OK) else 0o644)
    for path in folder.rglob("*"):
        os.utime(path, (epoch(), epoch()))


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout


def _is_made(path: Path) -> bool:
    return bool(_MADE & set(path.parts)) or any(
        (part.startswith(".") and part != ".ci") or part.endswith(".egg-info") for part in path.parts[:-1]
    )
