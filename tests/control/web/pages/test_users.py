"""The page of users."""

from __future__ import annotations

from werkzeug.test import Client

from control.commands.command import CommandError, ErrorKind
from director.config.model import Admin, Config, Endpoint
from tests.control.web.visiting import Told, client_of, log_in


def test_a_users_password_becomes_a_hash_before_it_goes_on(client: Client, told: Told) -> None:
    csrf = log_in(client)
    user = {"csrf": csrf, "name": "eve", "access": "readonly", "password": "short"}
    answer = client.post("/users/add", data=user)
    assert answer.status_code == 400 and "too short" in answer.text
    assert 'name="name" value="eve"' in answer.text and 'value="short"' not in answer.text
    assert client.post("/users/add", data={**user, "password": "long enough"}).location == "/users"
    ((_, given, _),) = told.said
    assert given["password"].startswith("$argon2") and given["name"] == "eve"


def test_users_of_files_are_looked_for_there(told: Told) -> None:
    admins = (Admin(listen=Endpoint("h", 1), users_file="/etc/users.yaml"), Admin(listen=Endpoint("h", 2)))
    client = client_of(told, Config(admins=admins))
    log_in(client)
    text = client.get("/users").text
    assert "/etc/users.yaml" in text and "every admin" in text


def test_a_user_who_can_not_be_added_need_not_be_typed_again(client: Client, told: Told) -> None:
    csrf = log_in(client)
    told.results["user-add"] = CommandError(ErrorKind.USAGE, "can't name a user 'e:ve'")
    answer = client.post("/users/add", data={"csrf": csrf, "name": "e:ve", "access": "full", "password": "long enough"})
    assert answer.status_code == 409
    for part in ("can&#39;t name a user", 'name="name" value="e:ve"', '<option value="full" selected>'):
        assert part in answer.text
    assert "long enough" not in answer.text
