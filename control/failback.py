"""Away from the backups: where a group has `backup-close`, they lose what they have when an ordinary host is up again.

For what stays connected for days, and would stay with a replica, or a poorer
machine, long after the good one is back. Clients come again at once, and get it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent

from director import logs
from director.config.departures import BACKUP_NO_LONGER
from director.config.model import Group, Host
from director.events import Event


class Failback:
    """`close(hosts, end)` closes what these have at this moment, and may take its time; how many it were."""

    def __init__(self, close: Callable[[Iterable[int], str], int]) -> None:
        self._close = close

    def is_up(self, label: str, group: Group, host: Host) -> None:
        """A host gets connections again; it is called `label`."""
        backups = [other.number for other in group.hosts if other.backup]
        if group.backup_close and backups and not host.backup:
            gevent.spawn(self._leave, label, backups)

    def _leave(self, label: str, backups: list[int]) -> None:
        if closed := self._close(backups, BACKUP_NO_LONGER):
            logs.info(Event.CONNECTIONS_CLOSED, of="backups", by=label, closed=closed, reason="up again")
