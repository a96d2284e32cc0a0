"""Asking all workers for their digests."""

from __future__ import annotations

import gevent
import pytest

from control import digests
from control.digests import Digests
from director.messages import Digest, Slot


def test_it_waits_for_the_digests_of_all() -> None:
    asked: list[int] = []
    collector = Digests(lambda: asked.append(7) or 7)  # type: ignore[func-returns-value]
    waiting = gevent.spawn(collector.collect, {0, 1})
    gevent.sleep(0)
    assert asked == [7]
    collector.hear(Digest(Slot(0), 7, "a"))
    gevent.sleep(0)
    assert not waiting.ready()
    collector.hear(Digest(Slot(1), 6, "of an earlier question"))
    collector.hear(Digest(Slot(1), 7, "b"))
    assert waiting.get(timeout=5) == {0: "a", 1: "b"}


def test_who_does_not_answer_in_time_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PATIENCE", 0.01)
    collector = Digests(lambda: 1)
    waiting = gevent.spawn(collector.collect, {0, 1})
    gevent.sleep(0)
    collector.hear(Digest(Slot(0), 1, "a"))
    assert waiting.get(timeout=5) == {0: "a"}
    collector.hear(Digest(Slot(1), 1, "too late"))
