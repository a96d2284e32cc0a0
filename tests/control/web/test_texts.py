"""What scripts read."""

from __future__ import annotations

from werkzeug.test import Client

from director.config.model import Admin, Config, Endpoint
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
        assert client.get("/config.xml", auth=ANN).text.startswith(f"<{root}")
    assert 'password="."' not in client.get("/running.xml", auth=BOB).text
