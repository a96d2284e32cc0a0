"""Names that are there, and what is said of those that are not."""

from __future__ import annotations

import pytest

from director.config.lookup import find_group, find_host, find_service, nearest
from director.config.model import Config, Endpoint, Group, Host, Service
from director.errors import UsageError

HOST = Host(name="one", ip=Endpoint("10.0.0.1", 80))
GROUP = Group(name="main", hosts=(HOST,))
SERVICE = Service(name="web", groups=(GROUP,))
CONFIG = Config(services=(SERVICE,))


def test_what_is_there_is_found() -> None:
    assert find_service(CONFIG, "web") is SERVICE
    assert find_group(SERVICE, "main") is GROUP
    assert find_host(SERVICE, GROUP, "one") is HOST


def test_what_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown service 'wep'; did you mean 'web'"):
        find_service(CONFIG, "wep")
    with pytest.raises(UsageError, match="unknown group 'mian' in web; did you mean 'main'"):
        find_group(SERVICE, "mian")
    with pytest.raises(UsageError, match="unknown host 'ome' in web/main; did you mean 'one'"):
        find_host(SERVICE, GROUP, "ome")


def test_capitals_do_not_keep_the_nearest_from_being_found() -> None:
    assert nearest("HTTP", ["tcp", "http", "https"]) == "did you mean 'http'?"
    assert nearest("mian", ["Main", "zzz"]) == "did you mean 'Main'?"


def test_without_a_near_one_all_are_listed() -> None:
    assert nearest("zzz", ["a", "b"]) == "there is 'a', 'b'"
    assert nearest("zzz", []) == "there is none"
