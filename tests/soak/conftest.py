"""Only on demand; the fixtures are those of the system tests."""

from __future__ import annotations

import os

from tests.system.conftest import daemon, hosts, serve

__all__ = ["daemon", "hosts", "serve"]

collect_ignore_glob = [] if os.environ.get("DIRECTOR_SOAK") else ["test_*.py"]
