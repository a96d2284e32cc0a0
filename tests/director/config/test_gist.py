"""A change in three words."""

from __future__ import annotations

from director.config.gist import gist
from director.messages import AdminDown, Draining, Edit, HostState

HOST = ("service", "web", "group", "main", "host", "a")
MAINT = AdminDown(HostState.MAINT, "eve", 1.0)


def test_a_change_of_one_thing_says_what_that_was_and_is() -> None:
    assert gist([Edit(HOST, "weight", 1.0, 2.5)]) == {"subject": "web/main/a", "old": "weight=1", "new": "weight=2.5"}
    assert gist([Edit(HOST, "down", None, MAINT)]) == {"subject": "web/main/a", "old": "in use", "new": "maint"}
    assert gist([Edit(HOST, "", None, object())]) == {"subject": "web/main/a", "old": "not there", "new": "there"}
    assert gist([Edit(HOST, "maxconn", 5, None)])["new"] == "maxconn=none"
    drained = Edit(HOST, "drain", None, Draining(("web", "main", "a"), (1,), "eve", 1.0))
    assert gist([Edit(HOST, "down", None, MAINT), drained])["new"] == "maint"
    assert gist([drained]) == {"subject": "web/main/a", "old": "not draining", "new": "draining"}


def test_a_password_is_not_told_not_even_its_hash() -> None:
    user = ("admin", "127.0.0.1:7001", "user", "ann")
    assert gist([Edit(user, "password", "$6$old", "$6$new")]) == {"subject": "127.0.0.1:7001/ann"}
    assert gist([Edit(user, "access", "full", "readonly")])["new"] == "access=readonly"


def test_a_change_of_several_things_says_where_they_are() -> None:
    both = [Edit(HOST, "weight", 1.0, 2.0), Edit((*HOST[:-1], "b"), "weight", 1.0, 2.0)]
    assert gist(both) == {"subject": "web/main"}
    assert gist([Edit(("service", "web"), "maxconn", 1, 2), Edit((), "maxconn", 1, 2)]) == {"subject": "director"}
    assert gist([]) == {}
