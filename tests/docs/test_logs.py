"""The page about logs has all words that alarms can rest on."""

from __future__ import annotations

import re

from director.events import Event
from tests.docs.pages import ROOT


def test_each_event_is_in_the_list_and_nothing_else() -> None:
    page = (ROOT / "docs/logs.md").read_text()
    rows = page.partition("| events | tell |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    listed = [word for row in rows for word in re.findall("`(.+?)`", row.split("|")[1])]
    assert sorted(listed) == sorted(event.value for event in Event)
