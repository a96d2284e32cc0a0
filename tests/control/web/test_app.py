"""What browsers and scripts ask. Real clients do so in tests/system/test_web.py."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from control.rights import Person
from control.web.accounts import Accounts
from control.web.app import App, Door
from control.web.inquiry import Inquiry
from director.config.model import Access, Admin, Config, Endpoint, User
from tests.control import hubs

DES = "abNANd1rDfiNc"  # "secret"
USERS = [User(name="ann", password=DES, access=Access.FULL), User(name="bob", password=DES)]
ANN, BOB = ("ann", "secret"), ("bob", "secret")
EVIL = '<script>alert("1")</script>'


class Told(Inquiry):
    """A hub that is not there: it remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.said: list[tuple[list[str], Person]] = []
        hosts = (
            hubs.host("a", ip="10.0.0.1:80", backup=False),
            hubs.host(EVIL, "maint", reason=EVIL, by=EVIL, backup=True),
        )
        self.document = {**hubs.stats(), "services": [hubs.service("web", hubs.group("main", *hosts))]}

    def stats(self) -> dict[str, Any]:
        return self.document

    def run(self, words: list[str], person: Person) -> Any:
        if person.access is not Access.FULL:
            raise CommandError(ErrorKind.RIGHTS, "you may not")
        self.said.append((words, person))
        return {"lines": [f"done: {words[0]}"]}

    def ask(self, command: str, args: Any, person: Person | None = None, patience: float = 10.0) -> Any:
        return {"processes": []}


def client_of(told: Told, config: Config | None = None, legacy_get: bool = False) -> Client:
    app = App(Door("127.0.0.1:7001", False, legacy_get, False, Accounts(USERS)), told, lambda: config or Config())
    return Client(lambda environ, start: app({**environ, "REMOTE_ADDR": "127.0.0.1"}, start))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def client(told: Told) -> Client:
    return client_of(told)


def log_in(client: Client, name: str = "ann") -> str:
    """Log in by the form; the token that forms must have."""
    assert client.post("/login", data={"name": name, "password": "secret"}).status_code == 302
    text = client.get("/", headers={"Accept": "text/html"}).text
    return text.partition('name="csrf" value="')[2].partition('"')[0]


def test_without_a_password_there_is_nothing_to_see(client: Client) -> None:
    for path in ("/", "/running.txt", "/config.xml", "/stats.json", "/live", "/service/web", "/nowhere", "/addHost"):
        assert client.get(path).status_code == 401
        assert client.get(path, auth=("ann", "wrong")).status_code in (401, 429)
        assert client.get(path, headers={"Accept": "text/html"}).location == "/login"


def test_whatever_a_name_or_reason_holds_stays_text(client: Client) -> None:
    for path in ("/", "/service/web", f"/running?resultMessage={EVIL}", f"/service/{EVIL}", "/workers", "/config"):
        answer = client.get(path, auth=ANN, headers={"Accept": "text/html"})
        assert answer.status_code in (200, 404)
        assert EVIL not in answer.text or answer.mimetype == "text/plain"
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_form_needs_its_token_and_must_come_from_here(client: Client, told: Told) -> None:
    csrf = log_in(client)
    data = {"word": ["web", "main", "a"], "--reason": "it; is\r\nSet-Cookie: x=1", "back": "//evil.example"}
    assert client.post("/command/host-down", data=data).status_code == 403
    assert client.post("/command/host-down", data={**data, "csrf": "x"}).status_code == 403
    good = {**data, "csrf": csrf}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert client.post("/command/host-down", data=good, headers=headers).status_code == 403
    assert told.said == []
    answer = client.post("/command/host-down", data=good, headers={"Origin": "http://localhost"})
    assert answer.status_code == 302
    assert answer.location == "/?resultMessage=done%3A%20host-down"
    ((words, person),) = told.said
    assert words == ["host-down", "web", "main", "a", "--reason=it; is\r\nSet-Cookie: x=1"]
    assert (person.name, person.origin) == ("ann", "web, 127.0.0.1")


def test_a_password_beside_a_cookie_changes_nothing(client: Client, told: Told) -> None:
    log_in(client)
    assert client.post("/reload", auth=ANN).status_code == 403
    assert told.said == []


def test_who_may_only_look_changes_nothing_by_any_way(client: Client, told: Told) -> None:
    assert client.post("/enableGroup", data={"service": "web", "group": "main"}, auth=BOB).status_code == 401
    assert client.post("/command/stop", auth=BOB).status_code == 403
    csrf = log_in(client, "bob")
    assert client.post("/command/stop", data={"csrf": csrf}).status_code == 403
    assert told.said == []
    assert "<button" not in client.get("/service/web").text.partition("<main")[2]


def test_old_calls_have_their_old_answers(client: Client, told: Told) -> None:
    good = {"service": "web", "GROUP": "main", "ip": "10.0.0.1:80"}
    answer = client.post("/hostAdminDown", data=good, auth=ANN)
    assert (answer.status_code, answer.text, answer.location) == (302, "OK", "/running?resultMessage=OK")
    assert told.said[0][0] == ["host-down", "web", "main", "a"]
    assert client.post("/hostAdminDown", data={"service": "web"}, auth=ANN).status_code == 500
    assert client.get("/hostAdminDown?service=web&group=main&ip=a", auth=ANN).status_code == 405
    assert client.get("/noSuchCall", auth=ANN).status_code == 404
    assert len(told.said) == 1


def test_old_calls_by_get_need_the_configs_word_and_no_cookie(told: Told) -> None:
    client = client_of(told, legacy_get=True)
    path = "/enableGroup?service=web&group=main"
    assert client.get(path, auth=ANN, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get(path, auth=ANN).text == "OK"
    log_in(client)
    assert client.get(path).status_code == 405
    assert len(told.said) == 1


def test_guessing_passwords_is_slow_and_tells_nothing(client: Client) -> None:
    texts = {client.post("/login", data={"name": name, "password": "x"}).text for name in ("ann", "nobody")}
    assert len(texts) == 1
    for _ in range(4):
        answer = client.post("/login", data={"name": "ann", "password": "x"})
    assert answer.status_code == 429
    assert client.get("/", auth=ANN).status_code == 429


def test_what_is_too_large_or_odd_is_refused(client: Client, told: Told) -> None:
    assert client.post("/login", data={"name": "x" * 10_000_000}).status_code == 413
    assert client.open("/", method="DELETE").status_code == 405
    for path in ("/static/../../etc/passwd", "/static/%2e%2e/app.py", "/service/..%2f..%2fetc"):
        assert client.get(path, auth=ANN).status_code == 404
    assert client.get("/", auth=ANN, headers={"Host": "evil.example"}).status_code == 200
    assert client.get("/pydirector.css", headers={"Host": "evil.example"}).location.startswith("/static/")
    assert told.said == []


def test_hashes_of_passwords_are_shown_to_those_who_may_change_them(told: Told) -> None:
    config = Config(admins=(Admin(listen=Endpoint("127.0.0.1", 7001), users=tuple(USERS)),))
    client = client_of(told, config)
    assert DES in client.get("/config.xml", auth=ANN).text
    assert DES not in client.get("/config.xml", auth=BOB).text
