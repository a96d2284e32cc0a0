"""All commands, and the one that tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands import (
    config,
    drain,
    events,
    group,
    health,
    history,
    host,
    insight,
    log,
    look,
    process,
    service,
    sessions,
    sticky,
    users,
)
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
    find,
)

if TYPE_CHECKING:
    from director.messages import Actor


def help_(hub: Hub | None, args: Args, actor: Actor | None) -> Document:
    """The table, or one row of it."""
    rows = COMMANDS if args["command"] is None else (find(args["command"], COMMANDS),)
    return {"commands": [_described(row) for row in rows], "detailed": args["command"] is not None}


def _hashed(hub: Hub, args: Args, actor: Actor) -> Document:
    raise CommandError(ErrorKind.USAGE, "can't hash a password here: it is for directorctl itself to do")


def _scripted(hub: Hub, args: Args, actor: Actor) -> Document:
    raise CommandError(ErrorKind.USAGE, "can't print a script here: it is for directorctl itself to do")


def _on_screen(hub: Hub, args: Args, actor: Actor) -> Document:
    raise CommandError(ErrorKind.USAGE, "can't show top here: it is for directorctl itself to do")


def _described(row: Command) -> Document:
    return {
        "name": row.name,
        "section": row.section.value,
        "synopsis": row.synopsis,
        "usage": row.usage,
        "summary": row.summary,
        "access": row.access.value,
        "arguments": [{"metavar": one.metavar, "names": one.names.value} for one in row.arguments],
        "options": [{"name": one.name, "usage": one.usage, "help": one.help} for one in row.options],
    }


_ROWS: tuple[Command, ...] = (
    *look.ROWS,
    *events.ROWS,
    Command(
        "top",
        Section.LOOK,
        "a live view in the whole terminal, with keys to sort, filter and take hosts down",
        _on_screen,
    ),
    Command(
        "help",
        Section.LOOK,
        "all commands, or one in detail",
        help_,
        (Argument("command", "COMMAND", Names.COMMAND, required=False),),
    ),
    *health.ROWS,
    *history.ROWS,
    *drain.ROWS,
    *host.ROWS,
    *group.ROWS,
    *sticky.ROWS,
    *service.ROWS,
    *users.ROWS,
    Command(
        "password-hash",
        Section.USERS,
        "the hash of a password, for users.yaml; works without a daemon",
        _hashed,
    ),
    *config.ROWS,
    Command(
        "completion",
        Section.INSIGHT,
        "the script that completes commands and names in your shell; works without a daemon",
        _scripted,
        (Argument("shell", "bash|zsh", Names.SHELL),),
    ),
    *process.ROWS,
    *log.ROWS,
    *insight.ROWS,
    *sessions.ROWS,
)

_ORDER = {section: position for position, section in enumerate(Section)}
COMMANDS: tuple[Command, ...] = tuple(sorted(_ROWS, key=lambda row: _ORDER[row.section]))
