"""Buttons: a form names a command and what it is given; what came of it is said on the page it came from.

A form may ask first: then the plan and what it costs are shown, with a button
that means it. A command that is refused for the sake of clients, and would be
done by `--force`, is offered that way, too. What outlives the page that asks for
it is done beside; another page says how it goes.
"""

from __future__ import annotations

from typing import Any

import gevent
from werkzeug.wrappers import Response

from control.commands.command import Command, CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from control.render import render
from control.web.answers import see
from control.web.pages.config import tried
from control.web.visit import Visit
from director.access import Access
from director.config.usability import FORCE_HINT

_ELSEWHERE = {"upgrade": "/upgrade"}  # commands that take long, and the page that says how they go
_ENDLESS = "wait"  # holds one of few sockets for as long as something goes on; pages look again instead
_AT_ONCE = 1.0  # seconds in which such a command is refused, if it is


def act(visit: Visit, name: str) -> Response:
    """Run the command of a form; its token was seen already. Raises CommandError."""
    row = find(name, COMMANDS)
    if row.access is not Access.FULL:
        # Pages show what it says; and one that follows what happens would hold a socket for good.
        raise CommandError(ErrorKind.USAGE, f"{name} changes nothing: there is no button for it")
    given = _given(row, visit)
    try:
        if visit.asked.form.get("ask"):
            return _ask(visit, row, given)
        if name in _ELSEWHERE:
            return _begin(visit, row, given)
        return _done(visit, row, visit.command(name, **given))
    except CommandError as error:
        if "force" in {option.name for option in row.options} and FORCE_HINT in str(error):
            return _offer_force(visit, row, given, str(error))
        if error.kind is ErrorKind.RIGHTS:
            raise
        return _offer_again(visit, row, given, error)


def _given(row: Command, visit: Visit) -> dict[str, Any]:
    """The fields of the form that the command knows; those left empty are not given."""
    form = visit.asked.form
    given: dict[str, Any] = {}
    for argument in row.arguments:
        if value := form.get(argument.name, ""):
            given[argument.name] = ["the page", value.encode()] if argument.carries else value.strip()
    for option in row.options:
        if option.name != _ENDLESS and (value := form.get(option.name, "").strip()):
            given[option.name] = True if option.flag else value
    return given


def _done(visit: Visit, row: Command, result: Any) -> Response:
    text = render(row.name, result)
    warnings = result.get("warnings", ()) if isinstance(result, dict) else ()
    if visit.visitor.login is not None:
        visit.visitor.login.note = ("\n".join([text, *warnings]), bool(warnings) or result.get("good") is False)
    return see(visit.back)


def _begin(visit: Visit, row: Command, given: dict[str, Any]) -> Response:
    """Have it done beside. Raises CommandError if it is refused at once."""
    doing = gevent.spawn(_outcome, visit, row, given)
    doing.join(_AT_ONCE)
    if isinstance(doing.value, CommandError):
        raise doing.value
    doing.link_value(lambda doing: _tell_later(visit, doing.value))
    return see(_ELSEWHERE[row.name])


def _outcome(visit: Visit, row: Command, given: dict[str, Any]) -> Response | CommandError:
    try:
        return _done(visit, row, visit.command(row.name, **given))
    except CommandError as error:
        return error


def _tell_later(visit: Visit, outcome: Response | CommandError) -> None:
    if isinstance(outcome, CommandError) and visit.visitor.login is not None:
        visit.visitor.login.note = (str(outcome), True)


def _ask(visit: Visit, row: Command, given: dict[str, Any]) -> Response:
    """What would be done, before it is."""
    plan = [f"{row.summary}: {' '.join(str(one) for one in given.values())}"]
    if "dry-run" in {option.name for option in row.options}:
        plan = visit.command(row.name, **{**given, "dry-run": True})["lines"]
    return _confirm(visit, row, "This will happen:", plan, given)


def _offer_force(visit: Visit, row: Command, given: dict[str, Any], refusal: str) -> Response:
    forced = {**given, "force": True}
    plan = visit.command(row.name, **{**forced, "dry-run": True})["lines"]
    return _confirm(visit, row, refusal.replace(FORCE_HINT, ""), plan, forced, 409)


def _offer_again(visit: Visit, row: Command, given: dict[str, Any], error: CommandError) -> Response:
    """What was typed, to be mended: nobody has to type it all anew for one wrong word."""
    carried = next((given[one.name] for one in row.arguments if one.carries and one.name in given), None)
    if carried is not None:
        return tried(visit, _field(carried), str(error))
    text = {one.name: _field(given.get(one.name, "")) for one in row.arguments if not one.carries}
    text |= {one.name: _field(given[one.name]) for one in row.options if one.name in given and not one.flag}
    flags = [one.name for one in row.options if one.name in given and one.flag]
    asks = bool(visit.asked.form.get("ask"))
    return visit.failed(error, command=row.name, typed=text, flags=flags, asks=asks)


def _confirm(
    visit: Visit, row: Command, reason: str, plan: list[str], given: dict[str, Any], status: int = 200
) -> Response:
    fields = {name: _field(value) for name, value in given.items()}
    return visit.show(
        "confirm.html",
        status,
        command=row.name,
        reason=reason,
        plan=plan,
        fields=fields,
        back=visit.back,
        forced="force" in given,
    )


def _field(value: Any) -> str:
    """As a form had it."""
    if isinstance(value, list):
        return str(value[1].decode())
    return "yes" if value is True else str(value)
