"""One answer for all who ask at about the same time, and for nobody who knows better."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from control.edition import Edition
from director.errors import RefusedError
from tests.waiting import until


class Press:
    """Makes 1, 2, 3 ...; each is begun at once, and done when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = Event()
        self.failure: Exception | None = None

    def make(self) -> int:
        self.begun += 1
        made = self.begun
        self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        return made


def asked(edition: Edition[int], times: int) -> list[gevent.Greenlet]:
    asking = [gevent.spawn(edition.current) for _ in range(times)]
    gevent.sleep(0)
    return asking


def answers(asking: list[gevent.Greenlet]) -> list[int]:
    gevent.joinall(asking, timeout=10, raise_error=True)
    return [one.value for one in asking]


def kept(seconds: float) -> Callable[[float], float]:
    return lambda took: seconds


def test_who_asks_while_it_is_made_or_soon_after_gets_the_same() -> None:
    press = Press()
    edition = Edition(press.make, kept(60))
    asking = asked(edition, 5)
    press.may_end.set()
    assert answers(asking) == [1] * 5
    assert edition.current() == 1


def test_nobody_gets_one_that_was_begun_before_a_change_he_may_know_of() -> None:
    press = Press()
    edition = Edition(press.make, kept(60))
    early = asked(edition, 2)
    edition.outdated()
    late = asked(edition, 2)
    press.may_end.set()
    assert answers(early) == [1, 1]
    assert answers(late) == [2, 2]
    edition.outdated()
    assert edition.current() == 3


def test_changes_that_go_on_and_on_keep_nobody_waiting_for_more_than_two() -> None:
    press = Press()
    edition = Edition(press.make, kept(60))
    asked(edition, 1)
    edition.outdated()
    late = asked(edition, 3)
    press.may_end.set()
    until(lambda: press.begun == 2)
    edition.outdated()
    assert answers(late) == [2] * 3


def test_it_is_made_anew_when_it_is_good_no_more() -> None:
    press = Press()
    press.may_end.set()
    edition = Edition(press.make, kept(0))
    edition.renditions.of(edition.current(), "form", lambda: iter([b"x"]))
    until(lambda: edition.current() != 1)


def test_what_goes_wrong_is_told_to_all_who_wait_and_tried_again_for_the_next() -> None:
    press = Press()
    press.failure = RefusedError("no")
    edition = Edition(press.make, kept(60))
    asking = asked(edition, 3)
    press.may_end.set()
    gevent.joinall(asking, timeout=10)
    assert [str(one.exception) for one in asking] == ["no"] * 3
    with pytest.raises(RefusedError):
        edition.current()
    press.failure = None
    assert edition.current() == 3


def test_who_is_killed_while_making_it_leaves_that_to_another() -> None:
    press = Press()
    edition = Edition(press.make, kept(60))
    first, *others = asked(edition, 3)
    first.kill()
    press.may_end.set()
    assert answers(others) == [2, 2]
