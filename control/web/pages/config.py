"""The config: what runs, what the file says, what lies between them and what that would cost."""

from __future__ import annotations

from werkzeug.wrappers import Response

from control.commands.command import CommandError
from control.web.texts import config_text, file_text
from control.web.visit import Pages, Visit

TABS = (
    ("/config", "Runs now"),
    ("/config/file", "The file"),
    ("/config/diff", "Difference"),
    ("/config/new", "Try another"),
)


def running(visit: Visit) -> Response:
    """What runs."""
    return visit.show("config.html", all_tabs=TABS, title="What runs", text=config_text(visit), raw="/config.xml")


def file(visit: Visit) -> Response:
    """What the file says now."""
    text = file_text(visit)
    return visit.show("config.html", all_tabs=TABS, title="What the file says", text=text, raw="/stored.xml")


def difference(visit: Visit) -> Response:
    """What a reload would do."""
    return _plan(visit, "")


def another(visit: Visit) -> Response:
    """A config to write or paste, and what it would change."""
    text = visit.asked.form.get("file", "")
    if text:
        return _plan(visit, text)
    return visit.show("config_new.html", all_tabs=TABS, text=config_text(visit), problem="")


def tried(visit: Visit, text: str, problem: str) -> Response:
    """This config once more, and why it won't do."""
    return visit.show("config_new.html", 409, all_tabs=TABS, text=text, problem=problem)


def _plan(visit: Visit, text: str) -> Response:
    """The plan of the file, or of this text; what is wrong with it if something is."""
    given = {"file": ["the page", text.encode()]} if text else {}
    try:
        found = visit.command("config-diff", **given)
    except CommandError as error:
        if text:
            return tried(visit, text, str(error))
        return visit.show("config_diff.html", 409, all_tabs=TABS, text="", problem=str(error), found=None)
    return visit.show("config_diff.html", all_tabs=TABS, text=text, problem="", found=found)


PAGES: Pages = {
    "/config": running,
    "/configs": running,
    "/config/file": file,
    "/config/diff": difference,
    "/config/new": another,
}
POSTS: Pages = {"/config/new": another}
