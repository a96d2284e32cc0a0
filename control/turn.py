"""Letting others have their turn in the middle of long work.

`gevent.sleep(0)` is not enough: of those who call it in a loop, up to fifty
turns come one after the other before the loop looks at sockets and timers
again, and with 10 ms of work in each of them checks are half a second late.
"""

from __future__ import annotations

import gevent


def let_others() -> None:
    """Return once the loop has looked at everything else; at once if there is nothing."""
    hub = gevent.get_hub()
    with hub.loop.timer(0.0) as timer:
        hub.wait(timer)
