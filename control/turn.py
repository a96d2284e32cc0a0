"""Letting others have their turn in the middle of long work.

`gevent.sleep(0)` is not enough: of those who call it in a loop, up to fifty
turns come one after the other before the loop looks at sockets and timers
again, and with 10 ms of work in each of them checks are half a second late.
Nor is that each lets others: of a hundred at long work each would do a piece
before the loop looks again. So these stand in a line, and in each round of the
loop one of them has its turn.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import gevent
from gevent.event import Event

T = TypeVar("T")
_LONG = 0.005  # seconds of work, after which others have their turn
_line: deque[Event] = deque()  # set: may leave, and then the next one is the first


def elsewhere(function: Callable[..., T], *args: Any) -> T:
    """Its result, computed in a thread: for what may block, or is long and can't be cut into pieces."""
    result: T = gevent.get_hub().threadpool.apply(function, args)
    return result


def let_others() -> None:
    """Return once the loop has looked at everything else; at once if there is nothing."""
    hub = gevent.get_hub()
    with hub.loop.timer(0.0) as timer:
        hub.wait(timer)


def take_turns() -> None:
    """The same, for those at long work: return when all who came to this point before have done a piece of theirs."""
    mine = Event()
    _line.append(mine)
    try:
        if _line[0] is not mine:
            mine.wait()
        let_others()
    finally:
        first = _line[0] is mine
        _line.remove(mine)
        if first and _line:
            _line[0].set()


def in_turns(pieces: Iterable[T]) -> Iterator[T]:
    """These pieces; when making them has taken long, the next one is made when it is its turn."""
    making, spent = iter(pieces), 0.0
    while True:
        began = time.perf_counter()
        try:
            piece = next(making)
        except StopIteration:
            return
        spent += time.perf_counter() - began
        yield piece
        if spent > _LONG:
            take_turns()
            spent = 0.0
