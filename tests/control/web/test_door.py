"""Who comes in, and who does not."""

from __future__ import annotations

import time

import gevent
import pytest
from werkzeug.test import Client

from control.web import accounts, door, live
from control.web.app import App
from director.access import Access
from director.config.model import Config, User
from tests.control.web.visiting import ANN, HOST, USERS, Told, log_in, visiting


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PERIOD", 0.0)


def test_a_form_needs_its_token_and_must_come_from_here(client: Client, told: Told) -> None:
    csrf = log_in(client)
    data = {**HOST, "reason": "it; is\r\nSet-Cookie: x=1", "back": "//evil.example"}
    assert client.post("/command/host-down", data=data).status_code == 403
    assert client.post("/command/host-down", data={**data, "csrf": "x\u00e9"}).status_code == 403
    good = {**data, "csrf": csrf}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert client.post("/command/host-down", data=good, headers=headers).status_code == 403
    assert told.said == []
    answer = client.post("/command/host-down", data=good, headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.location) == (302, "/")
    ((name, given, person),) = told.said
    assert (name, given) == ("host-down", {**HOST, "reason": "it; is\r\nSet-Cookie: x=1"})
    assert (person.name, person.origin) == ("ann", "web, 127.0.0.1")
    assert "done: host-down" in client.get("/").text
    assert "done: host-down" not in client.get("/").text


def test_a_password_beside_a_cookie_changes_nothing(client: Client, told: Told) -> None:
    log_in(client)
    assert client.post("/reload", auth=ANN).status_code == 403
    assert told.said == []


def test_guessing_passwords_is_slow_and_tells_nothing(client: Client) -> None:
    names = ("ann", "nobody")
    answers = {name: client.post("/login", data={"name": name, "password": "x"}).text for name in names}
    texts = {text.replace(f'value="{name}"', "") for name, text in answers.items()}
    assert len(texts) == 1
    for _ in range(4):
        answer = client.post("/login", data={"name": "ann", "password": "x"})
    assert answer.status_code == 429
    assert client.get("/", auth=ANN).status_code == 429


def test_of_a_page_whose_login_is_over_no_dialogue_asks_for_a_password(client: Client) -> None:
    def is_challenged(**headers: str) -> bool:
        answer = client.get("/live", headers=headers)
        assert answer.status_code == 401
        return "WWW-Authenticate" in answer.headers

    assert is_challenged()
    assert not is_challenged(**{"Sec-Fetch-Dest": "empty"})
    client.set_cookie("director-7001", "of another generation")
    assert not is_challenged()


@pytest.mark.parametrize(
    "then",
    [[], [User(name="ann", password="cd6xsm7u4N9HU", access=Access.FULL)]],
    ids=["no such user", "another password"],
)
def test_a_login_is_over_for_good_with_its_user_and_its_password(told: Told, then: list[User]) -> None:
    here = door.Door("127.0.0.1:7001", False, False, False, accounts.Accounts(USERS))
    client = visiting(App(here, told, Config))
    log_in(client)
    pages = [client.get("/live", auth=auth).response for auth in (None, ANN)]
    streams = [iter(page) for page in pages]
    for stream in streams:
        next(stream)
    here.accounts.renew(USERS[1:] + then)
    with gevent.Timeout(10):
        assert [list(stream) for stream in streams] == [[], []]
    assert client.get("/running.txt").status_code == 401
    here.accounts.renew(USERS)
    assert client.get("/running.txt").status_code == 401


def test_a_browser_has_one_login_and_after_its_end_none(client: Client) -> None:
    csrf = log_in(client)
    first = client.get_cookie("director-7001")
    assert first is not None
    csrf = log_in(client)
    other = Client(client.application)
    other.set_cookie("director-7001", first.value)
    assert other.get("/running.txt").status_code == 401
    client.post("/logout", data={"csrf": csrf})
    assert client.get_cookie("director-7001") is None


def test_who_guesses_at_many_passwords_at_once_has_as_few_as_one_after_the_other(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def slow(hashed: str, password: str) -> bool:
        checked.append(password)
        time.sleep(0.01)
        return False

    monkeypatch.setattr(accounts, "verify", slow)
    monkeypatch.setattr(accounts, "_BY_ARGON2", "")  # one check each
    guesses = [gevent.spawn(lambda: client.get("/running.txt", auth=("ann", "guess")).status_code) for _ in range(20)]
    gevent.joinall(guesses, timeout=10)
    assert sorted(one.value for one in guesses) == [401] * 5 + [429] * 15
    assert len(checked) == 5


def test_a_right_password_shown_many_times_at_once_is_checked_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def right(hashed: str, password: str) -> bool:
        checked.append(password)
        return True

    monkeypatch.setattr(accounts, "verify", right)
    scripts = [gevent.spawn(lambda: client.get("/running.txt", auth=ANN).status_code) for _ in range(20)]
    gevent.joinall(scripts, timeout=10)
    assert [one.value for one in scripts] == [200] * 20
    assert len(checked) == 1


def test_where_too_many_passwords_wait_another_is_sent_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TURNS", accounts.Turns(0))
    answer = client.get("/running.txt", auth=ANN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
