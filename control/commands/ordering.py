"""Orders to the master, and what became of them as a document."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from control.commands.command import Args, CommandError, Document, ErrorKind, Hub
from director.errors import Exit

if TYPE_CHECKING:
    from director.messages import Actor, Answer, Order


def asked(hub: Hub, order: Order, actor: Actor, *, force: bool = False, dry_run: bool = False) -> Answer:
    """The master's answer. Raises CommandError if it says no."""
    answer = hub.ask(order, actor, force, dry_run)
    if answer.exit == Exit.BAD_CONFIG:
        problems = [str(problem) for problem in answer.problems]
        raise CommandError(ErrorKind.CONFIG, "can't use the config: nothing was changed", problems)
    if answer.exit:
        raise CommandError(ErrorKind.REFUSED, "\n".join(answer.lines) or "the daemon refused and gave no reason")
    return answer


def ordered(hub: Hub, order: Order, actor: Actor, force: bool = False, dry_run: bool = False) -> Document:
    """What became of an order: `lines` for people, how many workers have it, what to worry about."""
    began = time.monotonic()
    answer = asked(hub, order, actor, force=force, dry_run=dry_run)
    warnings = [*map(str, answer.problems), *answer.data.get("warnings", ())]
    if missing := answer.workers - answer.applied:
        verb = "has" if missing == 1 else "have"
        warnings.append(
            f"{missing} of {answer.workers} workers {verb} not answered;"
            " it will be the first they get when they wake, or they are replaced"
        )
    return {
        "lines": list(answer.lines),
        "applied": answer.applied,
        "workers": answer.workers,
        "steps": answer.steps,
        "seconds": round(time.monotonic() - began, 6),
        **({"dry_run": True} if dry_run else {}),
        **answer.data,
        "warnings": warnings,
    }


def changed(hub: Hub, order: Order, actor: Actor, args: Args) -> Document:
    """The same, by the options that every changing command has. A dry run tells the plan and what it costs."""
    dry_run = bool(args.get("dry-run"))
    document = ordered(hub, order, actor, force=bool(args.get("force")), dry_run=dry_run)
    return planned(hub, document) if "actions" in document else document


def planned(hub: Hub, document: Document) -> Document:
    """A plan, with what its steps cost."""
    from control.consequences import lines, weighed
    from control.turn import in_turns

    actions = list(in_turns(weighed(document["actions"], hub.stats())))
    return {**document, "actions": actions, "lines": lines(actions) or ["nothing to change"]}
