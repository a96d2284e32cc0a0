"""Logs in the care of logrotate."""

from __future__ import annotations

from collections.abc import Callable

from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.system.rotating import rotate_under_load


def test_logrotate_as_shipped_costs_no_line_when_it_rotates_without_a_pause(
    daemon: Daemon, serve: Callable[..., Host]
) -> None:
    rotate_under_load(daemon, serve, 12)
