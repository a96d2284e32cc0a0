"""A Ctrl-C at the worst moment: while a module is imported."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
from {entry} import main
sys.exit(main())
"""


def interrupted(entry: str, module: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a command that is interrupted when it imports a module."""
    program = _PROGRAM.format(entry=entry, module=module)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
