"""The pages of the config."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from tests.control.web.visiting import Told, log_in


def test_a_config_is_tried_before_it_is_applied(client: Client, told: Told) -> None:
    csrf = log_in(client)
    text = "<director/>" + " " * 500_000
    answer = client.post("/config/new", data={"csrf": csrf, "file": text})
    assert answer.status_code == 200
    assert 'name="plan" value="p1"' in answer.text
    assert client.post("/command/config-apply", data={"csrf": csrf, "file": text, "plan": "p1"}).status_code == 302
    ((name, given, _),) = told.said
    assert (name, given["plan"], given["file"][1]) == ("config-apply", "p1", text.encode())
    told.results["config-diff"] = CommandError(ErrorKind.CONFIG, "nothing was changed", ["config.xml:1: wrong"])
    answer = client.post("/config/new", data={"csrf": csrf, "file": text}, headers={"Accept": "text/html"})
    assert "config.xml:1: wrong" in answer.text
