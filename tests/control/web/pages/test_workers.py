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
    for command in ("reload", "workers-set", "maxconn-set", "counters-clear", "log-level", "log-reopen", "stop"):
        assert f'action="/command/{command}"' in text, command
    assert "<option selected>info" in text and "host debug" in text
