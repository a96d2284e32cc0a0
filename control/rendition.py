"""An answer as it is sent, in pieces that are made once for all who get the same one.

Each piece is made when the first of them wants it, and when it is its turn; who
takes what is there already waits for nobody, and who is slow delays nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

from gevent.lock import BoundedSemaphore

from control.turn import take_turns

T = TypeVar("T", bound=Sized)
_ENOUGH = 32 * 1024  # bytes of a piece; of a table of hosts they take 10 ms


class Rendition(Generic[T]):
    """The pieces of one answer; `pieces` makes them, and empty ones where it may be interrupted."""

    def __init__(self, pieces: Iterator[T]) -> None:
        self._pieces = pieces
        self._made: list[T] = []
        self._over = False
        self._making = BoundedSemaphore()

    def __iter__(self) -> Iterator[T]:
        at = 0
        while True:
            while at == len(self._made) and not self._over:
                self._go_on(at)
            if at == len(self._made):
                return
            yield self._made[at]
            at += 1

    def _go_on(self, at: int) -> None:
        with self._making:
            if at < len(self._made) or self._over:
                return  # another was faster
            if at:  # the first one at once: most have no other
                take_turns()
            piece = next(self._pieces, None)
            if piece is None:
                self._over = True
            elif len(piece):
                self._made.append(piece)


def printed(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines as text, a piece for many of them; a line may hold several."""
    piece = bytearray()
    for line in lines:
        piece += line.encode(errors="backslashreplace")
        piece += b"\n"
        if len(piece) >= _ENOUGH:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


class Renditions:
    """Of one result in all forms that were asked for, for as long as others may get it."""

    def __init__(self) -> None:
        self._result: Any = None
        self._known: dict[Hashable, Rendition[Any]] = {}

    def of(self, result: Any, form: Hashable, pieces: Callable[[], Iterator[T]]) -> Rendition[T]:
        """The result in that form."""
        if result is not self._result:
            self._result, self._known = result, {}
        found = self._known.get(form)
        if found is None:
            found = self._known[form] = Rendition(pieces())
        return found

    def clear(self) -> None:
        """Nobody gets that result any more; who is still being told it has its pieces."""
        self._result, self._known = None, {}
