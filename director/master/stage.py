"""The life of the master, as one table.

STARTING -> SERVING -> STOPPING -> EXIT                            alone
SERVING -> UPGRADING -> PROBATION -> RETIRING -> EXIT              the old side of an upgrade
           UPGRADING, PROBATION -> SERVING                         ... taken back
CANDIDATE -> READY -> PROBATION_NEW -> SERVING                     the new side
             CANDIDATE, READY, PROBATION_NEW -> RETIRING           ... taken back
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Stage(Enum):
    """How far the master's life has got. The words are those of `status`."""

    STARTING = "starting"
    SERVING = "serving"
    UPGRADING = "upgrading"
    PROBATION = "watching its successor"
    CANDIDATE = "candidate"
    READY = "ready"
    PROBATION_NEW = "in probation"
    RETIRING = "retiring"
    STOPPING = "stopping"
    EXIT = "exit"


class Turn(Enum):
    """What moves it on."""

    ALL_ACCEPT = "every worker accepts"
    ALL_READY = "every child is ready"
    UPGRADE = "told to upgrade"
    GO = "the successor takes over"
    COMMIT = "the upgrade holds"
    ROLLBACK = "the upgrade is taken back"
    STOP = "told to stop"
    START_FAILED = "can't start"
    ALL_GONE = "every child is gone"


TRANSITIONS: Mapping[Stage, Mapping[Turn, Stage]] = {
    Stage.STARTING: {
        Turn.ALL_ACCEPT: Stage.SERVING,
        Turn.STOP: Stage.STOPPING,
        Turn.START_FAILED: Stage.STOPPING,
    },
    Stage.SERVING: {Turn.STOP: Stage.STOPPING, Turn.UPGRADE: Stage.UPGRADING},
    Stage.UPGRADING: {Turn.GO: Stage.PROBATION, Turn.ROLLBACK: Stage.SERVING},
    Stage.PROBATION: {Turn.COMMIT: Stage.RETIRING, Turn.ROLLBACK: Stage.SERVING},
    Stage.CANDIDATE: {Turn.ALL_READY: Stage.READY, Turn.ROLLBACK: Stage.RETIRING},
    Stage.READY: {Turn.GO: Stage.PROBATION_NEW, Turn.ROLLBACK: Stage.RETIRING},
    Stage.PROBATION_NEW: {Turn.COMMIT: Stage.SERVING, Turn.ROLLBACK: Stage.RETIRING},
    Stage.RETIRING: {Turn.ALL_GONE: Stage.EXIT},
    Stage.STOPPING: {Turn.STOP: Stage.STOPPING, Turn.ALL_GONE: Stage.EXIT},
    Stage.EXIT: {},
}
