"""Commands about the daemon as a whole."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    Args,
    Argument,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Option,
    Section,
)
from control.commands.ordering import changed, ordered
from control.commands.wording import attribute
from director.access import Access
from director.errors import Exit

if TYPE_CHECKING:
    from director.messages import Actor

_NAMED = 10  # connections in a refusal


def reload(hub: Hub, args: Args, actor: Actor) -> Document:
    """The config file is read again, and what differs applied."""
    from director.messages import Reload

    return changed(hub, Reload(), actor, args)


def upgrade(hub: Hub, args: Args, actor: Actor) -> Generator[Document, None, Document]:
    """A line for each stage; the last when the new generation is the daemon, or the old one still is."""
    from director.messages import Progress, Upgrade

    answer = None
    for piece in hub.follow(Upgrade(), actor):
        if isinstance(piece, Progress):
            yield {"lines": [piece.line]}
        else:
            answer = piece
    assert answer is not None
    if answer.exit:
        kind = ErrorKind.ROLLED_BACK if answer.exit == Exit.UPGRADE_ROLLED_BACK else ErrorKind.NOT_UPGRADED
        raise CommandError(kind, "\n".join((*answer.lines, *_held_by(hub, answer.data.get("held_by")))))
    return {"lines": list(answer.lines)}


def _held_by(hub: Hub, generation: str | None) -> list[str]:
    """The connections that keep a generation from ending, those open for longest first."""
    if generation is None:
        return []
    from control.roster import EVERYTHING

    found = hub.roster.listed({**EVERYTHING, "generation": generation})
    found.sort(("open_seconds",))
    lines = [
        f"  {one['client']}:{one['port']} to {one['service']}/{one['group']}/{one['host']},"
        f" open for {one['open_seconds']:.0f} s"
        for one in found.documents(_NAMED)
    ]
    more = len(found.rows) - len(lines)
    return [*lines, f"  and {more} more"] if more else lines


def workers_set(hub: Hub, args: Args, actor: Actor) -> Document:
    """Another number of workers. Who leaves finishes what it has, for up to `drain-timeout`."""
    from director.messages import WorkersSet

    return changed(hub, WorkersSet(attribute("director", "workers", args["count"])), actor, args)


def maxconn_set(hub: Hub, args: Args, actor: Actor) -> Document:
    """The most connections of all services together."""
    from director.messages import DirectorMaxconn

    return changed(hub, DirectorMaxconn(attribute("director", "maxconn", args["maxconn"])), actor, args)


def counters_clear(hub: Hub, args: Args, actor: Actor) -> Document:
    """Peaks begin anew; with --all, what HAProxy's phrases count does, too."""
    lines = ["peaks begin anew"]
    if args["all"]:
        lines.append("`show stat` counts from now on; JSON and Prometheus totals go on")
    if args["dry-run"]:
        return {"lines": lines, "dry_run": True}
    hub.clear_counters(args["all"])
    return {"lines": lines}


def stop(hub: Hub, args: Args, actor: Actor) -> Document:
    """Answered when the daemon begins to stop, not when it is gone. `open`: connections at that time."""
    from director.messages import StopDaemon

    open_connections = sum(worker["open"] for worker in hub.summary()["workers"])
    if args["dry-run"]:
        lines = [f"stop: {open_connections} open connections, for up to {hub.running.config.stop_timeout:g} s"]
        return {"lines": lines, "open": open_connections, "dry_run": True}
    return ordered(hub, StopDaemon(), actor) | {"open": open_connections}


ROWS: tuple[Command, ...] = (
    Command(
        "reload",
        Section.PROCESS,
        "apply what changed in the config file",
        reload,
        options=(DRY_RUN,),
        access=Access.FULL,
        patience=60.0,
    ),
    Command(
        "upgrade",
        Section.PROCESS,
        "replace every process by the code and config now on disk",
        upgrade,
        access=Access.FULL,
        patience=600.0,
    ),
    Command(
        "workers-set",
        Section.PROCESS,
        "so many workers from now on, or `auto`: one for each processor",
        workers_set,
        (Argument("count", "N", Names.VALUE),),
        options=(DRY_RUN,),
        access=Access.FULL,
    ),
    Command(
        "maxconn-set",
        Section.PROCESS,
        "limit the connections of all services together; `none` is no limit",
        maxconn_set,
        (Argument("maxconn", "N", Names.VALUE),),
        options=(DRY_RUN,),
        access=Access.FULL,
    ),
    Command(
        "counters-clear",
        Section.PROCESS,
        "forget the peaks of services and hosts",
        counters_clear,
        options=(Option("all", "and have the counts of HAProxy's `show stat` begin anew"), DRY_RUN),
        access=Access.FULL,
    ),
    Command("stop", Section.PROCESS, "end the daemon gracefully", stop, options=(DRY_RUN,), access=Access.FULL),
)
