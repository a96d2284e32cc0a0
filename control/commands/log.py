"""Commands about the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import (
    Args,
    Argument,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Section,
    unknown,
)
from control.commands.ordering import ordered
from director.access import Access

if TYPE_CHECKING:
    from director.messages import Actor


def log_level(hub: Hub, args: Args, actor: Actor) -> Document:
    """What is worth a line from now on, in all processes; without a level, what is so now."""
    from director import logs
    from director.messages import LogLevel

    level, subsystem = args["level"], args["subsystem"]
    if level is None:
        now = logs.levels()
        return {"lines": [f"{subsystem or 'all':<{12}} {level}" for subsystem, level in now.items()], "levels": now}
    if level not in logs.LEVELS:
        raise CommandError(ErrorKind.USAGE, unknown("level", level, logs.LEVELS))
    if subsystem is not None and subsystem not in logs.SUBSYSTEMS:
        raise CommandError(ErrorKind.UNKNOWN, unknown("subsystem", subsystem, logs.SUBSYSTEMS))
    return ordered(hub, LogLevel(level, subsystem), actor)


def log_reopen(hub: Hub, args: Args, actor: Actor) -> Document:
    """Log files are opened anew, as USR1 does; answered when nothing is written to the old ones any more."""
    from director.messages import LogReopen

    return ordered(hub, LogReopen(), actor)


ROWS: tuple[Command, ...] = (
    Command(
        "log-level",
        Section.PROCESS,
        "what is worth a line of the log, from now to the next start: debug, info, warning or error, of all or of a"
        " subsystem (the first word of its events); without LEVEL, what it is",
        log_level,
        (
            Argument("level", "LEVEL", Names.VALUE, required=False, choices=("debug", "info", "warning", "error")),
            Argument("subsystem", "SUBSYSTEM", Names.SUBSYSTEM, required=False),
        ),
        access=Access.FULL,
    ),
    Command(
        "log-reopen",
        Section.PROCESS,
        "open the log files again, after they were moved away; returns when nothing more is written to the old ones",
        log_reopen,
        access=Access.FULL,
    ),
)
