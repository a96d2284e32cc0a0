"""`directord` from its first moment: who interrupts it while it is imported reads no traceback."""

from __future__ import annotations


def main() -> int:
    """Run `directord`; returns its exit status."""
    try:
        from director.__main__ import main
    except KeyboardInterrupt:
        return 1  # as later on
    return main()
