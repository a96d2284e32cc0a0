"""The command about the last hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import ANY_SERVICE, Args, Command, Document, Hub, Section
from control.turn import in_turns

if TYPE_CHECKING:
    from director.messages import Actor


def history(hub: Hub, args: Args, actor: Actor) -> Document:
    """One service's hour in small steps; or that of all together by the minute, with each service's connections."""
    from control.history import ALL, CONNECTIONS, MINUTE, SERIES, STEP
    from director.config.lookup import find_service

    known = hub.history
    if args["service"] is not None:
        service = find_service(hub.running.config, args["service"])
        series = {one: known.points(service.number, one) for one in SERIES}
        return {"service": service.name, "step_seconds": STEP, "series": series}
    return {
        "service": None,
        "step_seconds": STEP * MINUTE,
        "series": {one: known.minutes(ALL, one) for one in SERIES},
        "services": dict(
            in_turns((one.name, known.minutes(one.number, CONNECTIONS)) for one in hub.running.config.services)
        ),
    }


ROWS: tuple[Command, ...] = (
    Command(
        "history",
        Section.LOOK,
        "the last hour of a service, or of all: connections, connect times, bytes",
        history,
        (ANY_SERVICE,),
    ),
)
