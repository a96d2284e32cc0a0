"""What runs at a start: the config file as it is now, and what operators changed before, by the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from director import logs
from director.config.edits import renumbered
from director.config.merge import merge
from director.config.model import Config
from director.config.numbering import assign
from director.events import Event
from director.master.journal import Journal
from director.master.records import Loaded, digest, fitting, replay, since_load
from director.messages import Edit, Running

Check = Callable[[bytes, str], Config | None]  # a text and its name -> what it says


def recall(journal: Journal, now: Config, text: bytes, name: str, check: Check) -> tuple[Running, int]:
    """What is to run, and the last number given; written to the journal as loaded.

    `check` reads the text that the changes were made over, if it is another
    than `now` by this time. Where that can't be read any more, they stay as
    they are; where not even its record can, those stay that find in `now` what
    they were made over.
    """
    config, last = assign(now, None, 0)
    fresh = Running(1, config)
    last_load, edits = since_load(journal.records)
    if not edits:
        journal.owe(Loaded.of(time.time(), name, text))
        return fresh, last
    base = now
    misfits: tuple[Edit, ...] = ()
    if last_load is not None and last_load.digest != digest(text):
        base = check(last_load.raw, last_load.name) or now
    numbers, last = assign(base, config, last)
    before = Running(1, numbers)
    if last_load is None:
        before, misfits = fitting(before, edits)
    else:
        before = replay(before, edits)
    before = replace(before, drains=())  # their connections are of another life, too
    # Numbers that edits brought along are of another life.
    before, last = renumbered(before, config, last)
    merged = merge(base, fresh, before)
    merged = replace(merged, overruled=(*misfits, *merged.overruled))
    for conflict in merged.conflicts:
        logs.warning(Event.CHANGE_OVERRULED, change=conflict)
    if merged.kept:
        logs.info(Event.CHANGES_RECALLED, changes=merged.kept)
    journal.owe(Loaded.of(time.time(), name, text, merged.stays))
    return replace(merged.running, version=1), last
