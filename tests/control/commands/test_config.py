"""Commands about the config."""

from __future__ import annotations

from dataclasses import replace

import gevent
import pytest

from control.commands.command import CommandError
from director.config.reader import read
from director.errors import Exit
from director.messages import Answer, ApplyConfig, Discard, Reload, Running, SaveConfig, ShowConfig, Undo
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


FILE = b"""<?xml version="1.0" encoding="latin1"?>
<director>
  <!-- f\xfcr uns -->
  <admin listen="127.0.0.1:7001" users="users.yaml"/>
  <logging file="director.log" connections="connections.log"/>
</director>
"""


def serving(hub: FakeHub, text: bytes = FILE) -> None:
    """The hub runs what the file said when it was loaded, but for one thing; now that says this text."""
    config, _ = read(FILE, "x", "/etc/director")
    assert config is not None
    hub.running = Running(1, replace(config, stop_timeout=3.0))
    data = {"name": "/etc/director/config.xml", "text": text, "digest": "d", "loaded": FILE}
    hub.answer = Answer(0, Exit.DONE, data=data)


def test_others_are_served_while_somebody_saves(hub: FakeHub) -> None:
    serving(hub)
    served: list[int] = []
    gevent.spawn(served.append, 1)
    run(hub, "config-save", print=True)
    assert served


def test_what_is_written_anew_is_said(hub: FakeHub) -> None:
    hub.answer = Answer(0, Exit.DONE, data={"name": "/etc/x", "text": b"<broken", "loaded": b"<broken"})
    result = run(hub, "config-save", print=True)
    assert read(result["text"].encode(), "x")[0] == hub.running.config
    assert "as <director>, without its comments" in result["warnings"][0]
    assert run(hub, "config-file")["text"] == "<broken"


def test_the_file_is_saved_in_its_own_words(hub: FakeHub) -> None:
    serving(hub)
    said = FILE.decode("latin1").replace("latin1", "UTF-8")
    assert run(hub, "config-file")["text"] == said
    result = run(hub, "config-save", print=True)
    assert result == {"text": said.replace("<director>", '<director stop-timeout="3s">'), "kept": True, "warnings": []}


def test_paths_in_a_file_elsewhere_mean_the_same(hub: FakeHub) -> None:
    serving(hub)
    text = run(hub, "config-save", file="/home/me/mine.xml")["text"]
    assert read(text.encode(), "x", "/home/me")[0] == hub.running.config
    assert "f\xfcr uns" in text
    assert 'users="users.yaml"' in run(hub, "config-save", file="/etc/director/mine.xml")["text"]


def test_a_dry_run_of_saving_writes_nothing(hub: FakeHub) -> None:
    serving(hub)
    told = run(hub, "config-save", file="/home/me/mine.xml", print=True, **{"dry-run": True})
    assert told["lines"] == ["write what runs to /home/me/mine.xml"]
    assert run(hub, "config-save", print=True, **{"dry-run": True})["lines"] == ["print what runs"]
    assert all(isinstance(order, ShowConfig) for order, _, _ in hub.asked)
    assert run(hub, "config-save", **{"dry-run": True})["dry_run"]  # who could write it tries
    assert hub.asked[-1][0] == SaveConfig(SAVED, "d")


SAVED = FILE.replace(b"latin1", b"UTF-8").replace(b"\xfc", "\xfc".encode()).replace(b"or>", b'or stop-timeout="3s">', 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FILE.replace(b"<director>", b'<director drain-timeout="5s">'), "edits that are not loaded; see config-diff"),
        (b"<director", "mistakes; mend them, `directord check` lists them"),
    ],
)
def test_edits_that_were_never_loaded_are_overwritten_by_force_alone(hub: FakeHub, text: bytes, reason: str) -> None:
    serving(hub, text)
    with pytest.raises(CommandError, match=f"{reason}.*by --force"):
        run(hub, "config-save")
    assert all(isinstance(order, ShowConfig) for order, _, _ in hub.asked)
    run(hub, "config-save", print=True)
    run(hub, "config-save", force=True)
    assert hub.asked[-1][0] == SaveConfig(SAVED, "d")


@pytest.mark.parametrize("text", [FILE, SAVED, FILE.replace(b"uns", b"alle")])
def test_a_file_that_says_nothing_new_is_saved(hub: FakeHub, text: bytes) -> None:
    serving(hub, text)
    run(hub, "config-save")
    order, _, _ = hub.asked[-1]
    assert isinstance(order, SaveConfig)
    assert order.text == (SAVED.replace(b"uns", b"alle") if b"alle" in text else SAVED)
