"""Phrases of HAProxy -> our commands."""

from __future__ import annotations

import pytest

from control.arguments import parse
from control.commands.command import find
from control.commands.table import COMMANDS
from control.runtimeapi import understand
from director.config.model import Config, Endpoint, Group, Host, Service
from director.errors import UsageError
from tests.control.hubs import stats

HOSTS = (Host(name="a", ip=Endpoint("10.0.0.1", 80)), Host(name="-b.c", ip=Endpoint("10.0.0.1", 81)))
CONFIG = Config(services=(Service(name="web", groups=(Group(name="main", hosts=HOSTS),), enabled="main"),))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("disable server web.main/a", "host-down"),
        ("enable server web.main/a", "host-up"),
        ("set server web.main/a state maint", "host-down"),
        ("set server web.main/a state ready", "host-up"),
        ("set server web.main/a state drain", "host-drain"),
        ("shutdown sessions server web.main/a", "host-close"),
        ("disable server web.main/-b.c", "host-down"),
        ("set weight web.main/a 5", "host-weight"),
        ("set server web.main/a weight 5", "host-weight"),
        ("set weight web.main/a 50%", "host-weight"),
        ("set server web.main/a weight 0.5", "host-weight"),
        ("set maxconn server web.main/a 5", "host-maxconn"),
    ],
)
def test_a_phrase_that_changes_is_a_command_with_its_place_and_answers_nothing(line: str, command: str) -> None:
    phrase = understand(line.split(), CONFIG)
    assert phrase is not None
    assert phrase.words[0] == command
    args = parse(find(command, COMMANDS), phrase.words[1:])
    assert (args["service"], args["group"]) == ("web", "main")
    assert f"web.main/{args['host']}" in line
    assert list(phrase.told({"lines": ["host a is down"]})) == []


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("show info", "Name: HAProxy"),
        ("show info typed", "0.Name.1:POSP:str:HAProxy"),
        ("show info json", '[{"field": {"pos": 0, "name": "Name"}'),
        ("show stat -1 4 -1", "# pxname,svname,"),
        ("show stat typed", "F.2.0.0.pxname.1:KNSP:str:web"),
        ("show stat json", '[[{"objType":"Frontend"'),
        ("show backend", "# name"),
        ("show servers state", "1"),
        ("show errors", "Total events captured"),
        ("get weight web.main/a", "1 (initial 1)"),
        ("get weight web.main/a:10.0.0.7:80", "No such server."),  # a member, if there were one
    ],
)
def test_a_phrase_that_shows_tells_the_stats(line: str, first: str) -> None:
    phrase = understand(line.split(), CONFIG)
    assert phrase is not None
    assert phrase.words == ("stats",)
    assert next(iter(phrase.told(stats()))).startswith(first)


def test_rows_are_asked_for_by_number_or_name() -> None:
    groups = (Group(name="main", hosts=HOSTS, number=5), Group(name="next", number=6))
    config = Config(services=(Service(name="web", groups=groups, enabled="main", number=2),))

    def told(line: str) -> list[str]:
        phrase = understand(line.split(), config)
        assert phrase is not None
        return list(phrase.told(stats()))

    assert told("show stat web.main 4 -1") == told("show stat 5 4 -1")
    assert told("show stat web 1 -1 typed") == told("show stat 2 1 -1 typed")


def test_hosts_that_are_not_used_can_be_left_out() -> None:
    phrase = understand(["show", "stat", "up", "no-maint"], CONFIG)
    assert phrase is not None
    assert not [line for line in phrase.told(stats()) if ",DOWN," in line or ",MAINT," in line]


@pytest.mark.parametrize("line", ["host-down web main a", "version", "stats --json"])
def test_our_own_commands_are_no_phrases(line: str) -> None:
    assert understand(line.split(), CONFIG) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("disable server web.main/x", "No such server."),
        ("disable server", "Require 'backend/server'."),
        ("disable server web.man/a", r"No such backend.\ndid you mean 'web.main'"),
        ("get weight web.man/a", "No such backend."),
        ("set server web.main/a state sideways", "'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        ("set server web.main/a state", "'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        ("set server web.main/a addr 10.0.0.9", "usage: set server <backend>/<server> state | weight"),
        ("show stats", "did you mean 'show stat'?"),
        ("show table", "Unknown command, but maybe one of the following ones is a better match:"),
        ("show stat wep 4 -1", r"No such proxy.\ndid you mean 'web'"),
        ("show", "unknown phrase"),
        ("show servers state nope", "Can't find backend."),
        ("show stat 1 2", "IID TYPE SID"),
        ("show stat ² 2 3", "No such proxy."),
        (f"show stat --1 2 {'9' * 5000}", "IID TYPE SID"),
        (f"set maxconn global {'9' * 5000}", "Integer value expected"),
        ("show stat x--1 typed", "IID TYPE SID"),
        ("show stat 1-2 3 4", "No such proxy."),
        ("show info more", "takes nothing, typed or json"),
        ("show info typed json", "too many words"),
    ],
)
def test_a_wrong_phrase_is_told_what_would_be_right(line: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        understand(line.split(), CONFIG)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("set maxconn frontend web 50", ("service-maxconn", "--", "web", "50")),
        ("set maxconn global 0", ("maxconn-set", "--", "none")),
        ("shutdown session 0-17", ("session-close", "--", "0-17")),
        ("clear counters", ("counters-clear",)),
        ("clear counters all", ("counters-clear", "--all")),
        ("show sess", ("sessions",)),
        ("set timeout cli 60", ("version",)),
        ("disable frontend web", ("service-disable", "--", "web")),
        ("enable frontend web", ("service-enable", "--", "web")),
    ],
)
def test_a_phrase_about_no_host_is_a_command(line: str, words: tuple[str, ...]) -> None:
    phrase = understand(line.split(), CONFIG)
    assert phrase is not None and phrase.words == words
    parse(find(words[0], COMMANDS), words[1:])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("set weight web.main/a", "Require <weight>"),
        ("set weight web.main/a %", "Require <weight> or <weight%>"),
        ("set weight web.main/a 50%%", "Require <weight> or <weight%>"),
        ("set weight web.main/a many", "Require <weight> or <weight%>"),
        ("set weight web.man/a 5", "No such backend.\ndid you mean 'web.main'"),
        ("set maxconn server web.main/z 5", "No such server"),
        ("set maxconn server web.man/a 5", "No such backend"),
        ("set maxconn server web.main/a", "Require <maxconn>."),
        ("set maxconn frontend", "A frontend name is expected."),
        ("set maxconn frontend web", "Integer value expected."),
        ("set maxconn global", "Expects an integer value."),
        ("set maxconn frontend wep 5", "No such frontend"),
        ("disable frontend wep", "No such frontend.\ndid you mean 'web'"),
        ("enable frontend", "A frontend name is expected"),
        ("set maxconn global many", "Integer value expected"),
        ("set maxconn 5", "only supports 'frontend', 'server', and 'global'"),
        ("shutdown session", "Session pointer expected"),
        ("clear counters some", "takes nothing, or 'all'"),
        ("set timeout cli soon", "Invalid timeout value."),
        ("set timeout cli", "Expects an integer value."),
    ],
)
def test_a_phrase_that_is_wrong_says_what_would_be_right(line: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        understand(line.split(), CONFIG)
