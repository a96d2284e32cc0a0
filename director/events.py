"""The closed list of events that may stand in the log.

A line reads `<event> key=value ...`; the event's words are fixed, so that they
can be searched for and alarms can rest on them.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What happened. INFO: a state an operator acts on. WARNING: coped. ERROR: act now."""

    DAEMON_STARTING = "daemon starting"
    DAEMON_READY = "daemon ready"
    DAEMON_STOPPING = "daemon stopping"
    DAEMON_STOPPED = "daemon stopped"
    DAEMON_FAILED = "daemon failed"
    DAEMON_ORPHANS = "daemon orphans"
    CONFIG_APPLIED = "config applied"
    CONFIG_REJECTED = "config rejected"
    CONFIG_WARNING = "config warning"
    CHANGE_APPLIED = "change applied"
    CHANGE_PARTIAL = "change partial"
    PROCESS_STARTED = "process started"
    PROCESS_READY = "process ready"
    PROCESS_EXITED = "process exited"
    PROCESS_FAILED = "process failed"
    PROCESS_STOPPED = "process stopped"
    PROCESS_HUNG = "process hung"
    PROCESS_ORPHANED = "process orphaned"
    PROCESS_CRASHED = "process crashed"
    SLOT_COVERED = "slot covered"
    SLOT_RETURNED = "slot returned"
    LISTENER_OPENED = "listener opened"
    LISTENER_CLOSED = "listener closed"
    ACCEPT_PAUSED = "accept paused"
    ACCEPT_RESUMED = "accept resumed"
    HOST_UP = "host up"
    HOST_DOWN = "host down"
    HOST_HELD = "host held"
    HOST_FLAPPING = "host flapping"
    GROUP_PANIC = "group panic"
    GROUP_CALM = "group calm"
    HOST_RESOLVED = "host resolved"
    HOST_UNRESOLVED = "host unresolved"
    SCHEDULER_FAILED = "scheduler failed"
    HUB_RESTORED = "hub restored"
    COMMAND_REFUSED = "command refused"
    COMMAND_FAILED = "command failed"
    LIMIT_NEAR = "limit near"
    LIMIT_REACHED = "limit reached"
    LOG_REOPENED = "log reopened"
    LOG_FAILED = "log failed"
    PRIVILEGES_KEPT = "privileges kept"
    SIGNAL_RECEIVED = "signal received"
