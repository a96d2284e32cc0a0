"""A change in three words."""

from __future__ import annotations

from director.config.gist import gist
from director.config.model import Check, Logging
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


def test_it_speaks_in_the_words_of_config_xml() -> None:
    def words(edit: Edit) -> tuple[str, str]:
        said = gist([edit])
        return said["old"], said["new"]

    web, main = HOST[:2], HOST[:4]
    assert words(Edit((), "workers", None, 3)) == ("workers=auto", "workers=3")
    assert words(Edit(web, "disabled", False, True)) == ("disabled=no", "disabled=yes")
    assert words(Edit(web, "connect_timeout", 5.0, 0.25)) == ("connect-timeout=5s", "connect-timeout=250ms")
    assert words(Edit(web, "enabled", "main", "next")) == ("enable=main", "enable=next")
    assert words(Edit((), "checktime", 120.0, 5.0)) == ("checktime=2m", "checktime=5s")
    assert words(Edit((), "logging", Logging(), Logging(level="debug", connections="/c.log"))) == (
        "logging level=info connections=none",
        "logging level=debug connections=/c.log",
    )
    assert words(Edit(main, "check", None, Check())) == ("check not there", "check there")
    assert words(Edit(main, "hosts", ("a", "b"), ("b", "a"))) == ("hosts=a,b", "hosts=b,a")


def test_a_password_is_not_told_not_even_its_hash() -> None:
    user = ("admin", "127.0.0.1:7001", "user", "ann")
    assert gist([Edit(user, "password", "$6$old", "$6$new")]) == {"subject": "127.0.0.1:7001/ann"}
    assert gist([Edit(user, "access", "full", "readonly")])["new"] == "access=readonly"


def test_a_change_of_several_things_says_where_they_are() -> None:
    both = [Edit(HOST, "weight", 1.0, 2.0), Edit((*HOST[:-1], "b"), "weight", 1.0, 2.0)]
    assert gist(both) == {"subject": "web/main"}
    assert gist([Edit(("service", "web"), "maxconn", 1, 2), Edit((), "maxconn", 1, 2)]) == {"subject": "director"}
    assert gist([]) == {}
