"""The last host of a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.usability import interlock, is_usable, loss, only_usable
from director.errors import RefusedError
from director.messages import Change, GroupDelete, GroupEnable, HostDown, HostWeight, ServiceDelete
from tests.director.config.configs import RUNNING, after, host


def test_only_the_last_usable_host_of_the_enabled_group_is_held_fast() -> None:
    web, db = RUNNING.config.services
    assert not only_usable(RUNNING, "web", "main", web.groups[0].hosts[0])
    assert not only_usable(RUNNING, "web", "next", web.groups[1].hosts[0])
    assert only_usable(RUNNING, "db", "main", db.groups[0].hosts[0])


def test_a_host_of_no_weight_is_not_usable() -> None:
    assert not is_usable(RUNNING, host("x", weight=0.0))


def test_force_overrules() -> None:
    interlock(True, "can't")
    with pytest.raises(RefusedError, match="--force"):
        interlock(False, "can't")


@pytest.mark.parametrize(
    ("changes", "open_", "said"),
    [
        ((HostDown("web", "main", "a"),), {}, ""),
        ((HostDown("web", "main", "a"), HostWeight("web", "main", "b", 0.0)), {}, "'web' would have no usable host"),
        ((GroupEnable("web", "next"), GroupDelete("web", "main")), {}, ""),
        ((GroupDelete("db", "main"),), {}, "'db' would have no usable host"),
        ((ServiceDelete("web"),), {"db": 1}, ""),
        ((ServiceDelete("web"),), {"web": 3}, "'web' would go, and has 3 open connections"),
    ],
)
def test_what_clients_would_lose_by_many_changes_at_once(
    changes: tuple[Change, ...], open_: dict[str, int], said: str
) -> None:
    found = loss(RUNNING, after(*changes), open_)
    assert found.endswith(said) if said else not found


def test_a_host_that_is_down_is_nobody_whom_clients_could_have() -> None:
    web, _ = RUNNING.config.services
    b = next(one for one in web.groups[0].hosts if one.name == "b").number
    assert loss(RUNNING, after(HostDown("web", "main", "a")), {}, (b,)).endswith("'web' would have no usable host")
    assert not loss(after(HostDown("web", "main", "a")), RUNNING, {}, (b,))


def test_who_has_no_usable_host_loses_none_but_is_given_no_other_group_without() -> None:
    before = after(HostDown("web", "main", "a"), HostDown("web", "main", "b"))
    web, db = before.config.services
    assert not loss(before, replace(before, config=replace(before.config, stop_timeout=1.0)), {})
    next_ = replace(web.groups[1], hosts=())
    moved = replace(web, groups=(web.groups[0], next_), enabled="next")
    assert loss(before, replace(before, config=replace(before.config, services=(moved, db))), {})
