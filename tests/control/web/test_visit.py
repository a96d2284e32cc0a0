"""Pages of long lists, and the way back."""

from __future__ import annotations

import html
import re

import pytest
from werkzeug.test import Client, EnvironBuilder

from control.web.accounts import Accounts
from control.web.answers import Asked
from control.web.door import Door, Visitor
from control.web.visit import Visit, Window
from director.config.model import Config
from tests.control import hubs
from tests.control.web.visiting import EVIL, PERSON, Told, log_in


def visit(told: Told, path: str = "/", **form: str) -> Visit:
    environ = EnvironBuilder(path, method="POST", data=form).get_environ()
    door = Door("h:1", False, False, False, Accounts(()))
    return Visit(door, told, Config, Asked(environ), Visitor(PERSON, None, ""))


@pytest.mark.parametrize(
    ("at", "count", "shown"),
    [
        ("", 250, (0, 100, None, 100)),
        ("100", 250, (100, 200, 0, 200)),
        ("217", 250, (200, 250, 100, None)),
        ("99999", 250, (200, 250, 100, None)),
        ("-5", 250, (0, 100, None, 100)),
        ("1e9", 3, (0, 3, None, None)),
        ("9" * 5000, 3, (0, 3, None, None)),
        ("7", 0, (0, 0, None, None)),
    ],
)
def test_a_long_list_is_shown_in_parts_whatever_the_address_says(
    told: Told, at: str, count: int, shown: tuple[int, int, int | None, int | None]
) -> None:
    window = Window.of(visit(told, f"/?at={at}"), count, 100)
    assert (window.at, window.end, window.before, window.after) == shown


@pytest.mark.parametrize(
    ("back", "where"),
    [
        ("/service/web?at=100", "/service/web?at=100"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_here(told: Told, back: str, where: str) -> None:
    assert visit(told, back=back).back == where


@pytest.mark.parametrize("name", ["50%41 /?&", "..", ".", "a/../b", "%2E"])
def test_a_name_with_any_sign_is_found_again_after_a_change(client: Client, told: Told, name: str) -> None:
    csrf = log_in(client)
    told.document["services"] = [hubs.service(name, hubs.group("main", hubs.host("a")))]
    text = client.get("/").text
    (path,) = [part.partition('"')[0] for part in text.split('href="')[1:] if part.startswith("/service/")]
    # As browsers do: . and .. are a way, however they are escaped.
    assert not {".", ".."} & set(re.sub("%2e", ".", path, flags=re.IGNORECASE).split("/"))
    text = client.get(path + "?at=0").text
    back = html.unescape(text.partition('name="back" value="')[2].partition('"')[0])
    sent = {"service": name, "group": "main", "host": "a", "csrf": csrf, "back": back}
    where = client.post("/command/host-up", data=sent).location
    assert client.get(where).status_code == 200


def test_only_browsers_with_a_login_get_sentences_as_pages(client: Client) -> None:
    log_in(client)
    assert client.get("/nowhere", headers={"Accept": "text/html"}).mimetype == "text/html"
    assert client.get("/nowhere").mimetype == "text/plain"
    assert EVIL not in client.get(f"/{EVIL}", headers={"Accept": "text/html"}).text
