"""What has happened."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from control.commands.command import (
    Args,
    Argument,
    Command,
    Document,
    Hub,
    Names,
    Option,
    Section,
)
from control.commands.wording import whole
from director.printable import quoted

if TYPE_CHECKING:
    from director.messages import Actor

USUAL = 50  # events, if nobody says how many
_SIGN_OF_LIFE = 5.0  # seconds


def events(hub: Hub, args: Args, actor: Actor) -> Generator[Document, None, Document]:
    """The last ones, oldest first; with --follow, those that come, too, until the client leaves."""
    text = args["count"]
    count = (
        USUAL if text is None else whole(f"can't show {quoted(text)} events", text, f"give a number, such as {USUAL}")
    )
    found: Document = {"events": hub.chronicle.last(count)}
    if not args["follow"]:
        return found
    seen = hub.chronicle.newest
    while True:
        yield found
        hub.chronicle.wait(_SIGN_OF_LIFE)
        found = {"events": hub.chronicle.after(seen)}
        seen = hub.chronicle.newest


ROWS: tuple[Command, ...] = (
    Command(
        "events",
        Section.LOOK,
        "what has happened: hosts, changes, processes, limits; the last N, oldest first",
        events,
        (Argument("count", "N", Names.VALUE, required=False),),
        (Option("follow", "go on with what happens from now on, until interrupted"),),
        patience=20.0,
        streams=True,
    ),
)
