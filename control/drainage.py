"""A drain in words: how far it has got, and what is to come. Pure: of the statistics' documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from director.printable import counted

Document = dict[str, Any]


def line(drain: Document) -> str:
    """One line of progress: `web/main/a: 12 of 20 connections left, closed from 14:20:05 on, 5 a second`."""
    return f"{drain['what']}: {state(drain)}"


def state(drain: Document) -> str:
    """The same without its name."""
    if drain["stage"] == "over":
        return f"drained, {_counts(drain)}"
    left, at_start = drain["left"], drain["open_at_start"]
    return f"{left} of {counted(at_start, 'connection')} left, {_to_come(drain)}"


def summary(drain: Document) -> str:
    """What became of it, once it is over."""
    return f"{drain['what']} is drained: {_counts(drain)}"


def brief(drain: Document) -> str:
    """For a column of a table of hosts: `12 left, until 14:20:05`."""
    if drain["host"] is None:
        return f"of {drain['what']} {_brief(drain)}"
    return _brief(drain)


def _brief(drain: Document) -> str:
    if drain["stage"] == "over":
        return "drained"
    rate = pace(drain["rate"])
    if drain["stage"] == "closing":
        return f"{drain['left']} left, closing{rate}"
    until = "" if drain["deadline"] is None else f", until {clock(drain['deadline'])}"
    return f"{drain['left']} left{until}"


def pace(rate: float | None) -> str:
    """A rate, with a comma before it."""
    return "" if rate is None else f", {rate:g} a second"


def clock(at: float) -> str:
    """The time of day, where we are."""
    return datetime.fromtimestamp(at).strftime("%H:%M:%S")


def _counts(drain: Document) -> str:
    return f"{drain['ended']} ended by themselves, {drain['closed']} were closed"


def _to_come(drain: Document) -> str:
    if drain["stage"] == "closing":
        return f"being closed{pace(drain['rate'])}"
    if drain["deadline"] is None:
        return "which go on to their end"
    return f"to be closed from {clock(drain['deadline'])} on{pace(drain['rate'])}"
