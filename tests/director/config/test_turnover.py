"""What went and what came between two configs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given

from director.config.edits import apply, place_of
from director.config.model import Config
from director.config.numbering import assign
from director.config.turnover import groups_of, hosts_of, turnover
from director.messages import Edit, Running
from tests.director.config.configs import RUNNING, configs, histories


def test_who_is_edited_went_as_he_was_and_came_as_he_is_and_nobody_else() -> None:
    after = apply(RUNNING, [Edit(place_of("web", "main", "a"), "weight", 1.0, 2.0)])
    gone, came = turnover(RUNNING.config.services, after.config.services)
    assert (gone, came) == ([RUNNING.config.services[0]], [after.config.services[0]])
    assert gone[0].number == came[0].number


def test_what_is_added_came_and_what_is_removed_went() -> None:
    web, db = RUNNING.config.services
    assert turnover((web,), (web, db)) == ([], [db])
    assert turnover((web, db), (db,)) == ([web], [])
    assert turnover((web, db), (db, web)) == ([], [])


def test_the_groups_and_hosts_of_services_are_found() -> None:
    assert [group.name for group in groups_of(RUNNING.config.services)] == ["main", "next", "main"]
    assert [host.name for host in hosts_of(RUNNING.config.services)] == ["a", "b", "c", "a"]


@given(configs)
def test_a_file_read_again_turns_nothing_over(config: Config) -> None:
    first, last = assign(config, None, 0)
    again, _ = assign(replace(config, services=tuple(map(replace, config.services))), first, last)
    assert turnover(first.services, again.services) == ([], [])


@given(histories())
def test_what_is_left_of_before_and_what_came_is_all_there_is(history: list[Running]) -> None:
    for before, after in pairwise(history):
        gone, came = turnover(before.config.services, after.config.services)
        stays = [service for service in before.config.services if all(service is not one for one in gone)]
        assert {id(service) for service in (*stays, *came)} == {id(service) for service in after.config.services}
