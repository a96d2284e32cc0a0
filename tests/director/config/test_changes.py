"""Changes by operators: what they make of a Running, what they say, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.config import changes
from director.config.changes import amend
from director.config.model import Config, Endpoint, Group, Host, Service
from director.config.numbering import assign
from director.config.usability import is_usable
from director.errors import RefusedError, UsageError
from director.messages import (
    Actor,
    AdminDown,
    Change,
    GroupEnable,
    HostDelete,
    HostDown,
    HostDrain,
    HostState,
    HostUp,
    HostWeight,
    Running,
    WorkersSet,
)

ACTOR = Actor("ann")
AT = 1_700_000_000.0


def _host(name: str, weight: float = 1.0) -> Host:
    return Host(name=name, ip=Endpoint("10.0.0.1", 80), weight=weight)


def _running() -> Running:
    groups = (
        Group(name="main", hosts=(_host("one"), _host("two"), _host("idle", weight=0))),
        Group(name="next", hosts=(_host("three"),)),
        Group(name="empty"),
    )
    config, _ = assign(Config(services=(Service(name="web", groups=groups, enabled="main"),)), None, 0)
    return Running(1, config)


def _number(running: Running, group: str, host: str) -> int:
    hosts = {(g.name, h.name): h.number for g in running.config.services[0].groups for h in g.hosts}
    return hosts[group, host]


def _after(running: Running, *steps: Change) -> Running:
    for step in steps:
        running, _ = amend(running, step, ACTOR, AT)
    return running


def test_every_change_has_its_row() -> None:
    assert {*changes._AMENDERS, *changes._WITH_ACTOR} == set(get_args(Change))


def test_host_down_puts_the_host_in_maint() -> None:
    running = _running()
    result, sentence = amend(running, HostDown("web", "main", "one", "new disk"), ACTOR, AT)
    assert sentence == "host 'one' of web/main is in maint"
    assert result.version == 2
    assert result.config is running.config
    assert result.admin == {_number(running, "main", "one"): AdminDown(HostState.MAINT, "ann", AT, "new disk")}
    assert running.admin == {}


def test_host_down_twice_changes_nothing_the_second_time() -> None:
    down = HostDown("web", "main", "one")
    running = _after(_running(), down)
    result, sentence = amend(running, down, Actor("bob"), AT + 1)
    assert result is running
    assert sentence == "host 'one' of web/main is in maint already"


def test_what_is_not_said_again_of_a_host_that_is_down_still_holds() -> None:
    running = _after(_running(), HostDown("web", "main", "one", "new disk", AT + 60))
    number = _number(running, "main", "one")

    def then(change: HostDown | HostDrain) -> tuple[AdminDown, str]:
        result, sentence = amend(running, change, Actor("bob"), AT + 10)
        return result.admin[number], sentence

    known = running.admin[number]
    label = "host 'one' of web/main is"
    assert then(HostDown("web", "main", "one")) == (known, f"{label} in maint already for 50 s more")
    shorter = HostDown("web", "main", "one", until_at=AT + 20)
    assert then(shorter) == (replace(known, by="bob", until_at=AT + 20), f"{label} in maint for 10 s")
    other = HostDown("web", "main", "one", "new CPU")
    assert then(other) == (replace(known, by="bob", reason="new CPU"), f"{label} in maint for 50 s")
    assert then(HostDown("web", "main", "one", until_at=inf)) == (
        replace(known, by="bob", until_at=None),
        f"{label} in maint",
    )
    drained = AdminDown(HostState.DRAIN, "bob", AT + 10, "new disk", AT + 60)
    assert then(HostDrain("web", "main", "one")) == (
        drained,
        f"{label} draining for 50 s; connections stay to their end",
    )


def test_a_host_that_is_down_for_good_is_down_for_good_already() -> None:
    running = _after(_running(), HostDown("web", "main", "one", until_at=inf))
    assert running.admin[_number(running, "main", "one")].until_at is None
    assert amend(running, HostDown("web", "main", "one", until_at=inf), ACTOR, AT + 1)[0] is running


def test_host_down_of_a_draining_host_puts_it_in_maint() -> None:
    running = _running()
    number = _number(running, "main", "one")
    running = replace(running, admin={number: AdminDown(HostState.DRAIN, "ann", AT)})
    result, _ = amend(running, HostDown("web", "main", "one"), ACTOR, AT)
    assert result.admin[number].state is HostState.MAINT


def test_host_up_takes_host_down_back() -> None:
    running = _after(_running(), HostDown("web", "main", "one"))
    result, sentence = amend(running, HostUp("web", "main", "one"), ACTOR, AT)
    assert sentence == "host 'one' of web/main is back from maint"
    assert result.admin == {}
    assert result.version == 3


def test_host_up_of_a_host_that_is_not_down_changes_nothing() -> None:
    running = _running()
    result, sentence = amend(running, HostUp("web", "main", "one"), ACTOR, AT)
    assert result is running
    assert sentence == "host 'one' of web/main is not in maint"


def test_the_last_usable_host_of_the_enabled_group_stays() -> None:
    running = _after(_running(), HostDown("web", "main", "one"))
    with pytest.raises(
        RefusedError,
        match="can't take host 'two' of web/main down: it is the last usable host",
    ):
        amend(running, HostDown("web", "main", "two"), ACTOR, AT)


def test_who_is_out_is_no_host_that_clients_could_have_instead() -> None:
    running = _running()
    one, two, three = (
        _number(running, group, host) for group, host in (("main", "one"), ("main", "two"), ("next", "three"))
    )
    for change in (
        HostDown("web", "main", "one", out=(two,)),
        HostDrain("web", "main", "one", out=(two,)),
        HostDelete("web", "main", "one", out=(two,)),
        HostWeight("web", "main", "one", 0.0, out=(two,)),
        GroupEnable("web", "next", out=(three,)),
    ):
        with pytest.raises(RefusedError, match=r"usable host.*--force"):
            amend(running, change, ACTOR, AT)
        amend(running, change, ACTOR, AT, force=True)
    amend(running, HostDown("web", "main", "two", out=(two,)), ACTOR, AT)  # nobody loses anything by that
    amend(running, HostDown("web", "main", "one", out=(one, two)), ACTOR, AT)


@pytest.mark.parametrize(("percent", "weight"), [(50.0, 1.0), (100.0, 2.0), (0.0, 0.0), (250.0, 5.0)])
def test_a_weight_in_percent_is_a_part_of_what_the_file_says(percent: float, weight: float) -> None:
    loaded = _after(_running(), HostWeight("web", "main", "one", 2.0))
    running = _after(loaded, HostWeight("web", "main", "one", 7.0))
    asked = HostWeight("web", "main", "one", percent, percent=True)
    assert changes.in_numbers(asked, loaded.config, running) == HostWeight("web", "main", "one", weight)


def test_what_the_file_says_is_told_of_hosts_with_another_weight() -> None:
    running = _running()
    assert changes.file_weights(running.config, running.config) == {}
    after = _after(running, HostWeight("web", "main", "one", 7.0))
    (one,) = (host for host in after.config.services[0].groups[0].hosts if host.name == "one")
    assert changes.file_weights(running.config, after.config) == {one.number: 1.0}
    assert changes.file_weights(Config(), after.config) == {}  # what it has not, it says nothing of


def test_a_weight_in_percent_of_a_host_that_the_file_has_not_is_a_part_of_the_present_one() -> None:
    running = _after(_running(), HostWeight("web", "main", "one", 7.0))
    asked = HostWeight("web", "main", "one", 200.0, percent=True)
    assert changes.in_numbers(asked, Config(), running).weight == 14.0
    with pytest.raises(UsageError, match="up to 1000000"):
        changes.in_numbers(replace(asked, weight=1e8), running.config, running)
    with pytest.raises(UsageError, match="unknown host"):
        changes.in_numbers(replace(asked, host="nobody"), Config(), running)


def test_the_only_host_is_not_taken_away_because_it_is_out_for_the_moment() -> None:
    running = _after(_running(), HostDown("web", "main", "one"))
    with pytest.raises(RefusedError, match="last usable host"):
        amend(running, HostDown("web", "main", "two", out=(_number(running, "main", "two"),)), ACTOR, AT)


def test_force_overrules_the_interlocks() -> None:
    running = _after(_running(), HostDown("web", "main", "one"))
    running, _ = amend(running, HostDown("web", "main", "two"), ACTOR, AT, force=True)
    running, _ = amend(running, GroupEnable("web", "empty"), ACTOR, AT, force=True)
    assert running.config.services[0].enabled == "empty"


def test_the_last_host_of_another_group_may_go_down() -> None:
    result = _after(_running(), HostDown("web", "next", "three"))
    assert _number(result, "next", "three") in result.admin


def test_a_host_that_gets_nothing_anyway_may_go_down() -> None:
    result = _after(_running(), HostDown("web", "main", "one"), HostDown("web", "main", "idle"))
    assert len(result.admin) == 2


def test_workers_set_says_what_it_was_and_once_is_enough() -> None:
    running, said = amend(_running(), WorkersSet(3), ACTOR, AT)
    assert (running.config.workers, said) == (3, "workers are 3, no longer auto")
    same, said = amend(running, WorkersSet(3), ACTOR, AT)
    assert (same, said) == (running, "workers are 3 already")
    back, said = amend(running, WorkersSet(None), ACTOR, AT)
    assert (back.config.workers, said) == (None, "workers are auto: one for each processor, no longer 3")


def test_group_enable_sends_clients_to_the_group() -> None:
    result, sentence = amend(_running(), GroupEnable("web", "next"), ACTOR, AT)
    assert sentence == "group 'next' of web is enabled, no longer 'main'"
    assert result.config.services[0].enabled == "next"
    assert result.version == 2


def test_group_enable_of_the_enabled_group_changes_nothing() -> None:
    running = _running()
    result, sentence = amend(running, GroupEnable("web", "main"), ACTOR, AT)
    assert result is running
    assert sentence == "group 'main' of web is enabled already"


def test_a_group_without_a_usable_host_is_not_enabled() -> None:
    with pytest.raises(RefusedError, match="can't enable group 'empty' of web: it has no usable host"):
        amend(_running(), GroupEnable("web", "empty"), ACTOR, AT)
    with pytest.raises(RefusedError):
        _after(_running(), HostDown("web", "next", "three"), GroupEnable("web", "next"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (HostDown("wbe", "main", "one"), "unknown service 'wbe'; did you mean 'web'?"),
        (
            HostDown("web", "mian", "one"),
            "unknown group 'mian' in web; did you mean 'main'?",
        ),
        (
            HostDown("web", "main", "ome"),
            "unknown host 'ome' in web/main; did you mean 'one'?",
        ),
        (
            HostUp("web", "empty", "one"),
            "unknown host 'one' in web/empty; there is none",
        ),
        (
            GroupEnable("web", "zzz"),
            "unknown group 'zzz' in web; there is 'main', 'next', 'empty'",
        ),
    ],
)
def test_unknown_names_are_told_with_the_nearest(change: Change, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        amend(_running(), change, ACTOR, AT)
    assert str(caught.value) == message


_some_host = st.sampled_from(["one", "two", "idle"])
_change = st.one_of(
    st.builds(HostDown, st.just("web"), st.just("main"), _some_host),
    st.builds(HostUp, st.just("web"), st.just("main"), _some_host),
    st.builds(HostDown, st.just("web"), st.just("next"), st.just("three")),
    st.builds(HostUp, st.just("web"), st.just("next"), st.just("three")),
    st.builds(GroupEnable, st.just("web"), st.sampled_from(["main", "next", "empty"])),
)


@given(st.lists(_change, max_size=20))
def test_without_force_the_enabled_group_keeps_a_usable_host(
    steps: list[Change],
) -> None:
    running = _running()
    for step in steps:
        before = running
        try:
            running, sentence = amend(running, step, ACTOR, AT)
        except RefusedError:
            continue
        assert sentence
        assert running is before or running.version == before.version + 1
        service = running.config.services[0]
        enabled = next(group for group in service.groups if group.name == service.enabled)
        assert any(is_usable(running, host) for host in enabled.hosts)
