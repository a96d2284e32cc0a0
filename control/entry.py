"""`directorctl` from its first moment: who interrupts it while it is imported reads no traceback."""

from __future__ import annotations


def main() -> int:
    """Run `directorctl`; returns its exit status."""
    try:
        from control.cli import main
    except KeyboardInterrupt:
        return 130  # as later on
    return main()
