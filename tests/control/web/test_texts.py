"""What scripts read."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from director.config.model import Admin, Config, Endpoint, Listen, Service
from tests.control.web.visiting import ANN, BOB, DES, EVIL, LOCKED_PATHS, USERS, Told, client_of


def test_hashes_of_passwords_are_shown_to_those_who_may_change_them(told: Told) -> None:
    config = Config(admins=(Admin(listen=Endpoint("127.0.0.1", 7001), users=tuple(USERS)),))
    client = client_of(told, config)
    assert DES in client.get("/config.xml", auth=ANN).text
    for path in LOCKED_PATHS:
        assert DES not in client.get(path, auth=BOB).text, path
    assert DES in client.get("/stored.xml", auth=ANN).text


def test_what_differs_from_the_file_comes_as_text(client: Client) -> None:
    assert client.get("/diff", auth=BOB).text.splitlines()[-1] == f"  {EVIL}"


def test_config_xml_has_the_root_of_the_file_that_it_came_from(told: Told, client: Client) -> None:
    for root in ("pdconfig", "config", "director"):
        told.results["config-file"] = {"name": "c.xml", "text": f"<!-- x -->\n<{root}>\n</{root}>"}
        text = client.get("/config.xml", auth=ANN).text
        assert text.startswith(f"<{root}") and text.endswith(("/>\n", f"</{root}>\n"))


def test_a_comment_is_no_root_and_odd_names_take_none_away(told: Told) -> None:
    told.results["config-file"] = {"name": "c.xml", "text": "\n<!-- a <pdconfig> once -->\n<director></director>"}
    assert client_of(told).get("/config.xml", auth=ANN).text.startswith("<director")
    told.results["config-file"]["text"] = '<?xml version="1.0"?><!-- <config> --><pdconfig></pdconfig>'
    odd = Config(services=(Service(name="a & <config>", listens=(Listen(ip=Endpoint("127.0.0.1", 1)),)),))
    text = client_of(told, odd).get("/config.xml", auth=ANN).text
    assert text.startswith("<pdconfig>\n") and text.endswith("\n</pdconfig>\n")
    assert "a &amp; &lt;config&gt;" in text


def test_what_runs_is_told_though_there_is_no_file(told: Told, client: Client) -> None:
    told.results["config-file"] = CommandError(
        ErrorKind.FAILED, "can't read the config file: this daemon runs without one"
    )
    assert client.get("/config.xml", auth=ANN).text.startswith("<director")
    assert client.get("/config", auth=ANN).status_code == 200
    assert "runs without one" in client.get("/stored.xml", auth=ANN).text
