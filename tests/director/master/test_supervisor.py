"""Who lives, who comes back when, and who covers for whom: driven by hand, no process anywhere."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, strategies

from director.master.supervisor import (
    BACKOFF_MOST,
    FORGIVEN,
    GRACE,
    STARVED,
    TRANSITIONS,
    Abort,
    Command,
    Cover,
    Fork,
    Happening,
    Kill,
    Spare,
    State,
    Supervisor,
    Uncover,
)
from director.master.vitals import Vitals
from director.messages import HUB_SLOT, Slot

TIMEOUT = 15.0
ZERO, ONE, TWO = Slot(0), Slot(1), Slot(2)


class Nursery:
    """A supervisor with a clock, and pids for whom it wants forked."""

    def __init__(self, workers: int = 3) -> None:
        self.now = 1000.0
        self.supervisor = Supervisor(TIMEOUT, Random(1))
        for number in range(workers):
            self.supervisor.add(Slot(number), seat=number)
        self.letters: dict[int, str] = {}
        self.share: dict[int, float] = {}  # of a processor that it gets while it could use it all
        self.began = self.now

    def look(self, pid: int) -> Vitals:
        letter, share = self.letters.get(pid, "S"), self.share.get(pid, 1.0)
        ready = (self.now - self.began) * (letter == "R")
        return Vitals(letter, ready * share, ready * (1 - share))

    def tick(self, lag: float = 0.0) -> list[Command]:
        commands = self.supervisor.tick(self.now, lag, self.look)
        for command in commands:
            if isinstance(command, Fork):
                self.supervisor.forked(command.slot, 100 + self.supervisor.incarnations, self.now)
        return commands

    def serve(self, *slots: Slot) -> None:
        for slot in slots:
            self.supervisor.ready(slot, self.now)
            self.supervisor.accepting(slot, self.now)

    def pass_time(self, seconds: float, beating: tuple[Slot, ...] = (ZERO, ONE, TWO)) -> list[Command]:
        commands: list[Command] = []
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            for slot in beating:
                self.supervisor.beat(slot, self.now)
            commands += self.tick()
        return commands


@pytest.fixture
def nursery() -> Nursery:
    nursery = Nursery()
    nursery.tick()
    nursery.serve(ZERO, ONE, TWO)
    nursery.tick()
    return nursery


def test_all_slots_are_filled_at_once() -> None:
    nursery = Nursery()
    assert nursery.tick() == [Fork(ZERO), Fork(ONE), Fork(TWO)]
    assert [place.incarnation for place in nursery.supervisor.workers()] == [1, 2, 3]


def test_while_all_is_well_nothing_is_done(nursery: Nursery) -> None:
    assert nursery.pass_time(60) == []


def test_who_dies_comes_back_at_once_the_first_time_then_later_and_later(nursery: Nursery) -> None:
    pauses = []
    for _ in range(12):
        nursery.supervisor.exited(ONE, nursery.now)
        died = nursery.now
        while Fork(ONE) not in nursery.pass_time(0.25):
            pass
        pauses.append(nursery.now - died)
    assert pauses[0] <= 0.25
    assert pauses[1] >= 0.5
    assert all(later >= earlier * 0.6 for earlier, later in itertools.pairwise(pauses))
    assert pauses[-1] > 10 and max(pauses) <= BACKOFF_MOST * 1.2 + 0.25


def test_good_time_makes_earlier_deaths_forgotten(nursery: Nursery) -> None:
    for _ in range(4):
        nursery.supervisor.exited(ONE, nursery.now)
        while Fork(ONE) not in nursery.pass_time(0.25):
            pass
        nursery.serve(ONE)
    nursery.pass_time(FORGIVEN)
    nursery.supervisor.exited(ONE, nursery.now)
    assert Fork(ONE) in nursery.pass_time(0.25)


def test_a_neighbour_covers_a_dead_slot_until_it_serves_again(nursery: Nursery) -> None:
    nursery.supervisor.exited(ONE, nursery.now)
    commands = nursery.tick()
    assert Cover(ONE, TWO) in commands and Fork(ONE) in commands
    assert nursery.tick() == []
    nursery.serve(ONE)
    assert nursery.tick() == [Uncover(ONE, TWO)]


def test_a_silent_worker_is_covered_after_a_second_and_left_alone(nursery: Nursery) -> None:
    assert Cover(ONE, TWO) not in nursery.pass_time(0.75, beating=(ZERO, TWO))
    assert nursery.pass_time(5, beating=(ZERO, TWO)) == [Cover(ONE, TWO)]
    nursery.supervisor.beat(ONE, nursery.now)
    assert nursery.tick() == [Uncover(ONE, TWO)]


def test_a_paused_worker_is_covered(nursery: Nursery) -> None:
    nursery.supervisor.places[ZERO].paused = True
    assert nursery.tick() == [Cover(ZERO, ONE)]


def test_when_the_neighbour_dies_another_covers(nursery: Nursery) -> None:
    nursery.supervisor.places[ZERO].paused = True
    nursery.tick()
    nursery.supervisor.exited(ONE, nursery.now)
    nursery.supervisor.uncovered_by_death(ONE)
    commands = nursery.tick()
    assert Cover(ZERO, TWO) in commands and Cover(ONE, TWO) in commands


def test_with_nobody_fit_nobody_covers(nursery: Nursery) -> None:
    for slot in (ZERO, ONE, TWO):
        nursery.supervisor.places[slot].paused = True
    assert nursery.tick() == []


def test_who_hangs_gets_abrt_then_kill(nursery: Nursery) -> None:
    commands = nursery.pass_time(TIMEOUT + 0.25, beating=(ZERO, TWO))
    (abort,) = [command for command in commands if isinstance(command, Abort)]
    assert abort.slot == ONE and abort.silent > TIMEOUT
    assert Kill(ONE) not in nursery.pass_time(GRACE - 0.5, beating=(ZERO, TWO))
    assert Kill(ONE) in nursery.pass_time(1, beating=(ZERO, TWO))
    nursery.supervisor.exited(ONE, nursery.now)
    assert Fork(ONE) in nursery.tick()


@pytest.mark.parametrize("letter", ["T", "t", "D"])
def test_who_is_stopped_or_in_the_kernel_is_spared_and_said_once(nursery: Nursery, letter: str) -> None:
    nursery.letters[nursery.supervisor.places[ONE].pid] = letter
    commands = nursery.pass_time(3 * TIMEOUT, beating=(ZERO, TWO))
    assert [command for command in commands if not isinstance(command, Cover)] == [Spare(ONE, letter)]


def test_who_goes_on_after_a_stop_has_its_time_anew(nursery: Nursery) -> None:
    pid = nursery.supervisor.places[ONE].pid
    nursery.letters[pid] = "T"
    nursery.pass_time(3 * TIMEOUT, beating=(ZERO, TWO))
    nursery.letters[pid] = "R"
    assert Abort not in {type(one) for one in nursery.pass_time(TIMEOUT - 1, beating=(ZERO, TWO))}
    assert Abort in {type(one) for one in nursery.pass_time(3, beating=(ZERO, TWO))}


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_who_loops_for_ever_hangs(nursery: Nursery, share: float) -> None:
    pid = nursery.supervisor.places[ONE].pid
    nursery.letters[pid], nursery.share[pid] = "R", share
    assert Abort in {type(one) for one in nursery.pass_time(TIMEOUT + 0.25, beating=(ZERO, TWO))}


def test_who_gets_no_processor_is_spared_and_said_once(nursery: Nursery) -> None:
    pid = nursery.supervisor.places[ONE].pid
    nursery.letters[pid], nursery.share[pid] = "R", 0.0
    commands = nursery.pass_time(3 * TIMEOUT, beating=(ZERO, TWO))
    assert [command for command in commands if not isinstance(command, Cover)] == [Spare(ONE, STARVED)]


def test_who_loops_on_a_busy_machine_hangs_once_it_has_had_its_time(nursery: Nursery) -> None:
    pid = nursery.supervisor.places[ONE].pid
    nursery.letters[pid], nursery.share[pid] = "R", 0.125
    assert Abort not in {type(one) for one in nursery.pass_time(2 * TIMEOUT - 3, beating=(ZERO, TWO))}
    assert Abort in {type(one) for one in nursery.pass_time(4, beating=(ZERO, TWO))}


def test_a_sign_of_life_gives_all_of_the_time_anew(nursery: Nursery) -> None:
    nursery.pass_time(TIMEOUT - 1, beating=(ZERO, TWO))
    nursery.supervisor.beat(ONE, nursery.now)
    assert Abort not in {type(one) for one in nursery.pass_time(TIMEOUT, beating=(ZERO, TWO))}
    assert Abort in {type(one) for one in nursery.pass_time(0.5, beating=(ZERO, TWO))}


def test_of_many_delays_of_the_master_none_counts(nursery: Nursery) -> None:
    commands = []
    for _ in range(10):
        nursery.now += 5
        commands += nursery.tick(lag=4.75)
    assert Abort not in {type(one) for one in commands}


def test_a_master_that_was_late_itself_judges_nobody(nursery: Nursery) -> None:
    nursery.now += 3600
    commands = nursery.tick(lag=3600)
    assert not [command for command in commands if isinstance(command, Abort)]


def test_after_the_master_was_late_whoever_was_stopped_with_it_has_its_time_anew(nursery: Nursery) -> None:
    nursery.now += 3600
    commands = nursery.tick(lag=3600)  # at a death, say: before anybody else was heard
    nursery.now += 0.1
    commands += nursery.tick() + nursery.pass_time(TIMEOUT - 1, beating=(ZERO, TWO))
    assert Abort not in {type(one) for one in commands}
    assert Abort in {type(one) for one in nursery.pass_time(3, beating=(ZERO, TWO))}


def test_nobody_is_replaced_or_covered_once_all_shall_drain(nursery: Nursery) -> None:
    nursery.supervisor.draining(nursery.now)
    nursery.supervisor.exited(ONE, nursery.now)
    assert nursery.pass_time(60, beating=(ZERO, TWO)) == []


def test_the_hub_is_replaced_as_long_as_somebody_drains_whom_it_counts() -> None:
    nursery = Nursery(1)
    nursery.supervisor.add(HUB_SLOT)
    nursery.tick()
    nursery.serve(ZERO)
    nursery.supervisor.draining(nursery.now)
    nursery.supervisor.exited(HUB_SLOT, nursery.now)
    assert nursery.tick() == [Fork(HUB_SLOT)]
    nursery.supervisor.exited(ZERO, nursery.now)
    nursery.supervisor.exited(HUB_SLOT, nursery.now)
    assert nursery.pass_time(60, beating=()) == []


def test_at_the_end_not_even_the_hub_is_replaced() -> None:
    nursery = Nursery(1)
    nursery.supervisor.add(HUB_SLOT)
    nursery.tick()
    nursery.serve(ZERO)
    nursery.supervisor.draining(nursery.now)
    nursery.supervisor.ending = True
    nursery.supervisor.exited(HUB_SLOT, nursery.now)
    assert nursery.tick() == []


@pytest.mark.parametrize("letter", ["S", "T", "D"])
def test_who_is_silent_is_found_whatever_the_kernel_says_of_it(nursery: Nursery, letter: str) -> None:
    def silent() -> str | None:
        place = nursery.supervisor.silent(nursery.now - 4.0)
        return None if place is None else place.name

    nursery.letters[101] = letter
    nursery.pass_time(3.5, beating=(ZERO, TWO))
    assert silent() is None
    nursery.pass_time(1, beating=(ZERO, TWO))
    assert silent() == "worker 1"


def test_a_fork_that_failed_is_tried_again_later(nursery: Nursery) -> None:
    nursery.supervisor.exited(ONE, nursery.now)
    nursery.supervisor.fork_failed(ONE, nursery.now)
    assert Fork(ONE) not in nursery.tick()
    assert Fork(ONE) in nursery.pass_time(2, beating=(ZERO, TWO))


def test_the_hub_is_replaced_but_never_covered() -> None:
    nursery = Nursery(2)
    nursery.supervisor.add(HUB_SLOT)
    nursery.tick()
    nursery.serve(ZERO, ONE)
    nursery.supervisor.exited(HUB_SLOT, nursery.now)
    assert nursery.tick() == [Fork(HUB_SLOT)]


def test_an_event_that_a_state_does_not_list_is_a_bug() -> None:
    nursery = Nursery(1)
    with pytest.raises(KeyError):
        nursery.supervisor.places[ZERO].enter(Happening.READY, 0.0)
    assert set(TRANSITIONS) == set(State)


@given(
    strategies.lists(
        strategies.tuples(strategies.sampled_from(["die", "serve", "beat", "pause", "wait"]), strategies.integers(0, 2))
    )
)
def test_whatever_happens_each_slot_is_covered_by_at_most_one_fit_neighbour(events: list[tuple[str, int]]) -> None:
    nursery = Nursery()
    nursery.tick()
    covered: dict[Slot, Slot] = {}
    for event, number in events:
        slot = Slot(number)
        place = nursery.supervisor.places[slot]
        if event == "die" and place.pid:
            nursery.supervisor.exited(slot, nursery.now)
            nursery.supervisor.uncovered_by_death(slot)
            covered = {lost: by for lost, by in covered.items() if by != slot}
        elif event == "serve" and place.pid:
            nursery.serve(slot)
        elif event == "beat" and place.pid:
            nursery.supervisor.beat(slot, nursery.now)
        elif event == "pause":
            place.paused = not place.paused
        else:
            nursery.now += 0.6
        for command in nursery.tick():
            if isinstance(command, Uncover):
                assert covered.pop(command.slot) == command.by
            elif isinstance(command, Cover):
                assert command.slot not in covered and command.slot != command.by
                assert nursery.supervisor.places[command.by].state is State.SERVING
                covered[command.slot] = command.by


# -- another number of workers ---------------------------------------------------


def seats(nursery: Nursery) -> dict[int, int]:
    return {int(place.slot): place.seat for place in nursery.supervisor.workers()}


def test_workers_that_come_take_the_next_seats(nursery: Nursery) -> None:
    assert nursery.supervisor.resize(5, nursery.now) == []
    assert seats(nursery) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4}
    assert [command.slot for command in nursery.tick() if isinstance(command, Fork)] == [3, 4]


def test_workers_that_leave_drain_are_not_replaced_and_not_covered(nursery: Nursery) -> None:
    assert nursery.supervisor.resize(1, nursery.now) == [ONE, TWO]
    assert nursery.supervisor.places[TWO].state is State.DRAINING
    assert nursery.pass_time(2.0) == []
    nursery.supervisor.exited(TWO, nursery.now)
    assert TWO not in nursery.supervisor.places
    assert nursery.pass_time(2.0, beating=(ZERO, ONE)) == []


def test_who_comes_while_another_leaves_has_its_seat_but_a_slot_of_its_own(nursery: Nursery) -> None:
    nursery.supervisor.resize(2, nursery.now)
    nursery.supervisor.resize(3, nursery.now)
    assert seats(nursery) == {0: 0, 1: 1, 3: 2}
    nursery.supervisor.exited(TWO, nursery.now)
    nursery.supervisor.resize(4, nursery.now)
    assert seats(nursery) == {0: 0, 1: 1, 3: 2, 2: 3}


def test_a_slot_that_waits_for_its_next_process_is_gone_at_once(nursery: Nursery) -> None:
    for _ in range(2):
        nursery.supervisor.exited(TWO, nursery.now)
        nursery.tick()
    assert nursery.supervisor.places[TWO].state is State.EMPTY
    assert nursery.supervisor.resize(2, nursery.now) == []
    assert TWO not in nursery.supervisor.places


def test_a_worker_that_leaves_and_hangs_is_ended(nursery: Nursery) -> None:
    nursery.supervisor.resize(2, nursery.now)
    commands = nursery.pass_time(TIMEOUT + GRACE + 1, beating=(ZERO, ONE))
    assert [type(command) for command in commands] == [Abort, Kill]


@given(strategies.lists(strategies.integers(1, 6), max_size=12), strategies.randoms())
def test_seats_are_always_the_first_ones_each_once(counts: list[int], random: Random) -> None:
    nursery = Nursery()
    for count in counts:
        nursery.tick()
        leaving = nursery.supervisor.resize(count, nursery.now)
        assert [place.seat for place in nursery.supervisor.workers()] == list(range(count))
        for slot in leaving:
            if random.random() < 0.5:
                nursery.supervisor.exited(slot, nursery.now)
