"""The page of users."""

from __future__ import annotations

from werkzeug.test import Client

from director.config.model import Admin, Config, Endpoint
from tests.control.web.visiting import Told, client_of, log_in


def test_a_users_password_becomes_a_hash_before_it_goes_on(client: Client, told: Told) -> None:
    csrf = log_in(client)
    user = {"csrf": csrf, "name": "eve", "access": "readonly", "password": "short"}
    assert client.post("/users/add", data=user).status_code == 400
    assert client.post("/users/add", data={**user, "password": "long enough"}).location == "/users"
    ((_, given, _),) = told.said
    assert given["password"].startswith("$argon2") and given["name"] == "eve"


def test_users_of_files_are_looked_for_there(told: Told) -> None:
    admins = (Admin(listen=Endpoint("h", 1), users_file="/etc/users.yaml"), Admin(listen=Endpoint("h", 2)))
    client = client_of(told, Config(admins=admins))
    log_in(client)
    text = client.get("/users").text
    assert "/etc/users.yaml" in text and "every admin" in text
