"""Who would get a connection, and why."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from tests.control.web.visiting import EXPLAINED, SESSION, Told, log_in


def test_without_a_question_there_is_the_form_alone(client: Client) -> None:
    log_in(client)
    text = client.get("/explain").text
    assert "<form" in text and "gets it" not in text


def test_the_answer_names_who_gets_it_and_what_all_are_worth(client: Client, told: Told) -> None:
    log_in(client)
    told.results["explain"] = {**EXPLAINED, "chosen": None, "one_of": ["a", "b"], "tie_break": "in turn"}
    assert "One of a, b gets it, in turn." in client.get("/explain?service=web&client=10.0.0.1").text
    told.results["explain"] = {**EXPLAINED, "chosen": None, "hosts": []}
    assert "Nobody can take it." in client.get("/explain?service=web").text
    told.results["explain"] = {**EXPLAINED, "client": "8.8.8.8", "denied": "deny names 8.0.0.0/8"}
    text = client.get("/explain?service=web&client=8.8.8.8").text
    assert "Nobody: 8.8.8.8 may not connect, deny names 8.0.0.0/8." in text and "gets it." not in text
    told.results["explain"] = {**EXPLAINED, "chosen": None, "limit": "service"}
    assert "has all that it may have of the service's maxconn" in client.get("/explain?service=web").text
    told.results["explain"] = {**SESSION, "failed": ["x", "y"]}
    assert "x, y" in client.get("/explain?session=0-1").text


def test_what_cant_be_explained_is_said_above_the_form(client: Client, told: Told) -> None:
    log_in(client)
    told.results["explain"] = CommandError(ErrorKind.UNKNOWN, "it is over")
    answer = client.get("/explain?session=0-9")
    assert answer.status_code == 200 and "it is over" in answer.text and "<form" in answer.text
