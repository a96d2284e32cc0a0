"""The life of the master, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Stage(Enum):
    """How far the master's life has got."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"
    EXIT = "exit"


class Turn(Enum):
    """What moves it on."""

    ALL_ACCEPT = "every worker accepts"
    STOP = "told to stop"
    START_FAILED = "can't start"
    ALL_GONE = "every child is gone"


TRANSITIONS: Mapping[Stage, Mapping[Turn, Stage]] = {
    Stage.STARTING: {
        Turn.ALL_ACCEPT: Stage.SERVING,
        Turn.STOP: Stage.STOPPING,
        Turn.START_FAILED: Stage.STOPPING,
    },
    Stage.SERVING: {Turn.STOP: Stage.STOPPING},
    Stage.STOPPING: {Turn.STOP: Stage.STOPPING, Turn.ALL_GONE: Stage.EXIT},
    Stage.EXIT: {},
}
