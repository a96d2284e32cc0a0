"""Connections a second, from totals."""

from __future__ import annotations

import msgpack

from control.rates import Rates


def test_what_was_counted_by_the_seconds_between_two_words_is_the_rate() -> None:
    rates = Rates()
    rates.tell(1, {}, 10.0)
    rates.tell(1, {7: 30}, 12.0)
    assert (rates.current, rates.most) == ({7: 15.0}, {7: 15.0})
    rates.tell(1, {}, 13.0)
    assert (rates.current, rates.most) == ({}, {7: 15.0})


def test_the_first_word_of_a_worker_makes_no_rate() -> None:
    rates = Rates()
    rates.tell(1, {7: 5000}, 10.0)
    assert (rates.current, rates.most) == ({}, {})


def test_words_in_short_order_count_as_one() -> None:
    rates = Rates()
    rates.tell(1, {}, 10.0)
    rates.tell(1, {7: 10}, 10.01)
    assert rates.current == {}
    rates.tell(1, {7: 10}, 11.0)
    assert rates.current == {7: 20.0}


def test_workers_add_up_and_one_that_is_gone_counts_no_more() -> None:
    rates = Rates()
    for worker in (1, 2):
        rates.tell(worker, {}, 10.0)
        rates.tell(worker, {7: 10 * worker}, 11.0)
    assert rates.current == {7: 30.0}
    rates.forget(1)
    rates.forget(3)
    assert (rates.current, rates.most) == ({7: 20.0}, {7: 30.0})
    rates.forget_most()
    assert rates.most == {7: 20.0}


def test_the_most_and_the_latest_outlive_who_counts() -> None:
    before = Rates()
    before.tell(1, {}, 10.0)
    before.tell(1, {7: 10, 8: 1}, 11.0)
    after = Rates()
    after.tell(2, {}, 11.0)
    after.tell(2, {8: 2}, 12.0)
    after.adopt(msgpack.unpackb(msgpack.packb(before.dump()), strict_map_key=False))
    assert after.most == {7: 10.0, 8: 2.0}
    assert after.latest == {7: 11.0, 8: 12.0}
    assert after.current == {8: 2.0}
