"""Commands about the config."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError
from director.config.reader import read
from director.errors import Exit
from director.messages import Answer, ApplyConfig, Discard, Reload, Undo
from tests.control.commands.running import run
from tests.control.hubs import FakeHub

PLAN = Answer(0, Exit.DONE, ("step",), data={"plan": "1-x", "actions": []})

OPEN = (("web", 4), ("db", 4))


def test_what_runs_is_a_config(hub: FakeHub) -> None:
    config, _ = read(run(hub, "config-running")["text"].encode(), "x")
    assert config == hub.running.config


def test_a_plan_is_of_the_file_or_of_the_clients(hub: FakeHub) -> None:
    hub.answer = PLAN
    assert run(hub, "config-diff")["differs"] is False
    run(hub, "config-diff", file=("/x", b"<director/>"))
    run(hub, "config-apply", file=("/x", b"<director/>"), plan="1-x")
    assert [order for order, _, _ in hub.asked] == [
        Reload(),
        ApplyConfig(b"<director/>", "/x", "", OPEN),
        ApplyConfig(b"<director/>", "/x", "1-x", OPEN),
    ]
    with pytest.raises(CommandError, match="send its bytes"):
        run(hub, "config-apply", file="/etc/passwd")


def test_changes_are_listed_taken_back_and_dropped(hub: FakeHub) -> None:
    run(hub, "undo", number="7")
    run(hub, "config-discard")
    assert [order for order, _, _ in hub.asked] == [Undo(7, OPEN), Discard(OPEN)]
    for number in ("x", "-1", "²", "9" * 21, "9" * 5000):
        with pytest.raises(CommandError, match="give a number that journal shows"):
            run(hub, "undo", number=number)
    hub.answer = Answer(0, Exit.DONE, data={"changes": [{"number": 1}]})
    assert run(hub, "journal") == {"changes": [{"number": 1}]}


def test_the_file_is_saved_only_in_its_own_words(hub: FakeHub) -> None:
    hub.answer = Answer(0, Exit.DONE, data={"name": "/etc/x", "text": b"<broken"})
    result = run(hub, "config-save", print=True)
    assert read(result["text"].encode(), "x")[0] == hub.running.config
    assert result["warnings"]
    assert run(hub, "config-file")["text"] == "<broken"
