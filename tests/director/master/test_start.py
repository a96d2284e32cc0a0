"""Pieces of starting that need no daemon: what dead generations left.

The master as a whole is tested with real processes, in tests/system.
"""

from __future__ import annotations

import os
from pathlib import Path

from director.master.lock import Holder
from director.master.start import _sweep_generations
from director.master.system import start_ticks


def test_what_dead_generations_left_goes_and_the_rest_stays(tmp_path: Path) -> None:
    mine = f"g{os.getpid()}-{start_ticks(os.getpid())}"
    for name in ("g1-1", mine, "g2-2", "gossip", "directord.lock"):
        (tmp_path / name).mkdir()
    _sweep_generations(str(tmp_path), Holder(children_live=True, generation="g2-2"))
    assert sorted(os.listdir(tmp_path)) == sorted([mine, "g2-2", "gossip", "directord.lock"])
