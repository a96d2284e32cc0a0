"""What scripts read: the calls of the ancestors that change nothing, and the statistics for programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Response

from control import jsontext
from control.commands.command import CommandError
from control.render import FORMATS, render
from control.rendition import printed
from control.web import running
from control.web.answers import plain
from control.web.inquiry import Inquiry
from control.web.visit import Page, Pages, Visit
from director.config.ancestors import ROOTS
from director.config.veil import veiled

Document = dict[str, Any]
# The first element; comments before it may speak of others.
_ROOT = re.compile(r"(?:\s|<\?(?:(?!\?>).)*\?>|<!--(?:(?!-->).)*-->)*<([^\s/>]+)", re.DOTALL)
_ROOTS = ("director", *ROOTS)
_METRICS = "text/plain; version=0.0.4"


def config_text(visit: Visit) -> str:
    """config.xml as it runs, with the root of the file, if there is one: an ancestor's scripts look for theirs."""
    text = str(visit.command("config-running")["text"])
    try:
        wanted = _root(visit.command("config-file")["text"])
    except CommandError:
        return text
    if wanted == "director" or wanted not in _ROOTS:
        return text
    # Not always <director>: names that only an ancestor's file may have need the root of one.
    return re.sub(rf"(</?){_root(text)}(?=[\s/>])", rf"\1{wanted}", text)


def _root(text: str) -> str:
    found = _ROOT.match(text)
    return found[1] if found else ""


def file_text(visit: Visit) -> str:
    """What the config file says now."""
    return str(visit.command("config-file")["text"])


def metrics(inquiry: Inquiry) -> Response:
    """For Prometheus."""
    return _in_pieces(inquiry, "prometheus", FORMATS["prometheus"], _METRICS)


def _told(form: str, kind: str) -> Page:
    return lambda visit: _in_pieces(visit.inquiry, form, FORMATS[form], kind)


def _in_pieces(inquiry: Inquiry, form: str, told: Callable[[Document], Iterable[str]], kind: str) -> Response:
    """The statistics in lines; of thousands of hosts they are long, so that all who want them get the same."""
    stats = inquiry.stats()
    pieces = inquiry.editions.renditions.of(stats, form, lambda: printed(told(stats)))
    return Response(iter(pieces), content_type=f"{kind}; charset=utf-8")


def _running_text(visit: Visit) -> Response:
    return plain(running.text(visit.stats()))


def _running_xml(visit: Visit) -> Response:
    config = visit.config()
    shown = config if visit.visitor.may_change else veiled(config)
    return plain(running.xml(visit.stats(), shown), kind="text/xml")


def _config_xml(visit: Visit) -> Response:
    return plain(config_text(visit), kind="text/xml")


def _config_plain(visit: Visit) -> Response:
    return plain(config_text(visit))


def _stored_xml(visit: Visit) -> Response:
    return plain(file_text(visit), kind="text/xml")


def _stored_plain(visit: Visit) -> Response:
    return plain(file_text(visit))


def _stats_json(visit: Visit) -> Response:
    stats = visit.stats()
    pieces = visit.inquiry.editions.renditions.of(stats, "json", lambda: map(str.encode, jsontext.pieces(stats)))
    return Response(iter(pieces), content_type="application/json; charset=utf-8")


def _difference(visit: Visit) -> Response:
    return plain(render("config-diff", visit.command("config-diff")) + "\n")


PAGES: Pages = {
    "/running.txt": _running_text,
    "/running.xml": _running_xml,
    "/config.xml": _config_xml,
    "/rawConfig.xml": _config_plain,
    "/config.txt": _config_plain,
    "/stored.xml": _stored_xml,
    "/rawStored.xml": _stored_plain,
    "/diff": _difference,
    "/stats.json": _stats_json,
    "/stats.csv": _told("csv", "text/csv"),
    "/metrics": lambda visit: metrics(visit.inquiry),
}
