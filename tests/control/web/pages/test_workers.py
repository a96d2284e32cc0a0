"""The processes."""

from __future__ import annotations

from werkzeug.test import Client

from tests.control.web.visiting import Told, log_in


def test_processes_and_workers_are_listed(client: Client, told: Told) -> None:
    log_in(client)
    process = {"kind": "hub", "slot": None, "pid": 4711, "generation": "g1", "state": "serving"}
    told.results["status"] = {"processes": [process, {**process, "kind": "worker", "slot": 0, "pid": 4712}]}
    text = client.get("/workers").text
    assert "4711" in text and "worker 0" in text
    assert 'action="/command/reload"' in text and 'action="/command/stop"' in text
