"""Asks whether the versions of constraints.txt have known holes.

Exit status 1: they have. Where the advisory service can't be reached or does not
know the packages, nothing is known: that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parent.parent.parent / "constraints.txt"
COMMAND = (
    "pip_audit",
    "--requirement",
    str(CONSTRAINTS),
    "--no-deps",
    "--disable-pip",
    "--format=json",
    "--timeout=20",
)


def verdict(report: str, said: str) -> tuple[int, str]:
    """Exit status and text for what pip-audit printed."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        last = said.strip().splitlines()[-1] if said.strip() else "no answer"
        return 0, f"NOT AUDITED: the advisory service could not be asked: {last}"
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in packages for hole in one.get("vulns", ())]
    if holes:
        return 1, "known holes:\n" + "\n".join(holes)
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    text = f"{len(packages) - len(unknown)} of {len(packages)} packages audited, no known hole"
    return 0, f"{text}\nNOT AUDITED, the advisory service does not know them: {', '.join(unknown)}" if unknown else text


def main() -> int:
    """Ask, and tell."""
    try:
        done = subprocess.run([sys.executable, "-m", *COMMAND], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        print("NOT AUDITED: the advisory service did not answer in time")
        return 0
    status, text = verdict(done.stdout, done.stderr)
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
