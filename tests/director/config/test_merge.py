"""What stays of an operator's change when the file is read again."""

from __future__ import annotations

from dataclasses import replace

from director.config.merge import merge
from director.config.model import Config, Group, Service

WEB = Service(name="web", groups=(Group(name="main"), Group(name="next")), enabled="main")


def config(service: Service) -> Config:
    return Config(services=(service,))


def test_an_enabled_group_stays_enabled_while_the_file_says_the_same() -> None:
    runs = config(replace(WEB, enabled="next"))
    now = config(replace(WEB, maxconn=7))
    merged, stays = merge(config(WEB), now, runs)
    assert merged.services[0].enabled == "next"
    assert merged.services[0].maxconn == 7
    assert stays == 1


def test_the_file_wins_where_it_changed_the_same_thing() -> None:
    third = replace(WEB, groups=(*WEB.groups, Group(name="third")), enabled="third")
    merged, stays = merge(config(WEB), config(third), config(replace(WEB, enabled="next")))
    assert merged.services[0].enabled == "third"
    assert stays == 0


def test_a_group_that_is_gone_can_not_stay_enabled() -> None:
    only = replace(WEB, groups=WEB.groups[:1])
    merged, stays = merge(config(WEB), config(only), config(replace(WEB, enabled="next")))
    assert merged == config(only)
    assert stays == 0


def test_without_run_time_changes_the_file_runs() -> None:
    now = config(replace(WEB, maxconn=7))
    assert merge(config(WEB), now, config(WEB)) == (now, 0)
