"""The measuring itself is not for tests; that it can be called is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_it_says_what_it_can_do() -> None:
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--help"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--peers" in done.stdout
