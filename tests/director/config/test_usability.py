"""The last host of a group."""

from __future__ import annotations

import pytest

from director.config.usability import interlock, is_usable, only_usable
from director.errors import RefusedError
from tests.director.config.configs import RUNNING, host


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
