"""What browsers and scripts ask. Real clients do so in tests/system/test_web.py."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from control.commands.table import COMMANDS
from control.web.legacy import CALLS
from director.access import Access
from tests.control.web.visiting import ANN, BOB, DES, EVIL, HOST, PAGES, Told, client_of, log_in


def test_without_a_password_there_is_nothing_to_see(client: Client) -> None:
    for path in ("/", "/running.txt", "/config.xml", "/stats.json", "/live", "/service/web", "/nowhere", "/addHost"):
        assert client.get(path).status_code == 401
        assert client.get(path, auth=("ann", "wrong")).status_code in (401, 429)
        assert client.get(path, headers={"Accept": "text/html"}).location == "/login"


@pytest.mark.parametrize(
    "path", [*PAGES, f"/running?resultMessage={EVIL}", f"/service/{EVIL}", f"/service/web?find={EVIL}"]
)
def test_whatever_a_name_or_reason_holds_stays_text(client: Client, path: str) -> None:
    log_in(client)
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == (404 if path.startswith("/service/<") else 200), answer.text
    assert answer.mimetype == "text/html"
    assert EVIL not in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_who_may_only_look_changes_nothing_by_any_way(client: Client, told: Told) -> None:
    everything = {"service": "web", "group": "main", "name": "a", "ip": "h:1", "listen": "h:1", "scheduler": "random"}
    everything |= {"access": "full", "password": DES}
    for call in CALLS:
        assert client.post(f"/{call}", data=everything, auth=BOB).text not in ("", "OK"), call
        assert client.post(f"/{call}", auth=BOB).status_code == 401, call  # whatever else is wrong
    assert client.post("/command/stop", auth=BOB).status_code == 403
    csrf = log_in(client, "bob")
    sent = {**HOST, "csrf": csrf, "ip": "h:1", "scheduler": "random", "weight": "2", "maxconn": "3", "number": "1"}
    sent |= {"name": "eve", "access": "full", "password": "long enough", "session": "0-1"}
    for row in COMMANDS:
        if row.access is Access.FULL:
            all_of_it = {argument.name: "1" for argument in row.arguments} | sent
            assert client.post(f"/command/{row.name}", data=all_of_it).status_code == 403, row.name
            assert client.post(f"/command/{row.name}", data={**all_of_it, "ask": "yes"}).status_code in (200, 403)
    assert client.post("/users/add", data=sent).status_code in (403, 409)
    assert told.said == []
    for path in PAGES:
        main = client.get(path).text.partition("<main")[2]
        assert "/command/" not in main and "/users/add" not in main, path


def test_old_calls_have_their_old_answers(client: Client, told: Told) -> None:
    good = {"service": "web", "GROUP": "main", "ip": "10.0.0.1:80"}
    answer = client.post("/hostAdminDown", data=good, auth=ANN)
    assert (answer.status_code, answer.text, answer.location) == (
        302,
        "OK",
        "/running?resultMessage=done%3A%20host-down",
    )
    assert told.said[0][:2] == ("host-down", HOST)
    assert client.post("/hostAdminDown", data={"service": "web"}, auth=ANN).status_code == 500
    assert client.get("/hostAdminDown?service=web&group=main&ip=a", auth=ANN).status_code == 405
    assert client.get("/noSuchCall", auth=ANN).status_code == 404
    assert len(told.said) == 1


def test_old_calls_tell_what_to_worry_about(client: Client, told: Told) -> None:
    told.results["config-save"] = {"lines": ["saved"], "warnings": ["comments are gone"]}
    assert client.post("/save", auth=ANN).location == "/running?resultMessage=saved%0Acomments%20are%20gone"


def test_old_calls_by_get_need_the_configs_word_and_no_cookie(told: Told) -> None:
    client = client_of(told, legacy_get=True)
    path = "/enableGroup?service=web&group=main"
    assert client.get(path, auth=ANN, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get(path, auth=ANN).text == "OK"
    assert client.head(path, auth=ANN).status_code == 405
    log_in(client)
    assert client.get(path).status_code == 405
    assert client.get(path, auth=ANN).status_code == 403
    assert len(told.said) == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *(("POST", path, "GET, HEAD") for path in ("/", "/running.txt", "/service/web", "/metrics", "/live")),
        *(("GET", path, "POST") for path in ("/logout", "/command/host-down", "/users/add", "/addHost")),
        *(("HEAD", path, "POST") for path in ("/logout", "/command/host-down", "/addHost")),
        ("POST", "/noSuchPage", None),
    ],
)
def test_by_another_method_than_its_own_a_path_tells_that_one(
    client: Client, told: Told, method: str, path: str, allowed: str | None
) -> None:
    answer = client.open(path, method=method, auth=ANN)
    assert (answer.status_code, answer.headers.get("Allow")) == (405 if allowed else 404, allowed)
    assert told.said == []


def test_what_is_too_large_or_odd_is_refused(client: Client, told: Told) -> None:
    assert client.post("/login", data={"name": "x" * 10_000_000}).status_code == 413
    answer = client.open("/", method="DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    for path in ("/static/../../etc/passwd", "/static/%2e%2e/app.py", "/service/..%2f..%2fetc"):
        assert client.get(path, auth=ANN).status_code == 404
    assert client.get("/", auth=ANN, headers={"Host": "evil.example"}).status_code == 200
    assert client.get("/pydirector.css", headers={"Host": "evil.example"}).location.startswith("/static/")
    assert told.said == []
