"""Orders to the master, and what became of them as a document."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from control.commands.command import CommandError, Document, ErrorKind, Hub
from director.errors import Exit

if TYPE_CHECKING:
    from director.messages import Actor, Order


def ordered(hub: Hub, order: Order, actor: Actor, force: bool = False) -> Document:
    """What became of an order: `lines` for people, how many workers have it, what to worry about."""
    began = time.monotonic()
    answer = hub.ask(order, actor, force)
    problems = [str(problem) for problem in answer.problems]
    if answer.exit == Exit.BAD_CONFIG:
        raise CommandError(ErrorKind.CONFIG, "can't use the config: nothing was changed", problems)
    if answer.exit:
        raise CommandError(ErrorKind.REFUSED, "\n".join(answer.lines) or "the daemon refused and gave no reason")
    if missing := answer.workers - answer.applied:
        verb = "has" if missing == 1 else "have"
        problems.append(
            f"{missing} of {answer.workers} workers {verb} not answered;"
            " it will be the first they get when they wake, or they are replaced"
        )
    return {
        "lines": list(answer.lines),
        "applied": answer.applied,
        "workers": answer.workers,
        "steps": answer.steps,
        "seconds": round(time.monotonic() - began, 6),
        "warnings": problems,
    }
