"""The master's own decisions; as a whole it is tested with real processes, in tests/system."""

from __future__ import annotations

from director.master.run import Master
from director.master.stage import Stage


def test_a_slot_has_a_listener_for_each_address(master: Master) -> None:
    (ref,) = master.seats.refs(next(iter(master.family.supervisor.workers())).slot)
    assert (ref.service, ref.ip, ref.slot) == (1, "127.0.0.1:1", 0)


def test_told_to_stop_twice_it_stops_fast(master: Master) -> None:
    master.stage = Stage.SERVING
    master.stop(fast=False)
    assert (master.stage, master._fast) == (Stage.STOPPING, False)
    master.stop(fast=False)
    assert master._fast
