"""The web process is tested whole, in tests/system/test_web.py."""

from __future__ import annotations

from control.web.run import HEARTBEAT


def test_it_beats_as_often_as_other_children() -> None:
    from control import hub

    assert HEARTBEAT == hub.HEARTBEAT
