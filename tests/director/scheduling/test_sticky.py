"""Who is stuck where: one process, and many that hear of each other late, twice or never."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from director.config.model import Config, Endpoint, Group, Host, Service
from director.scheduling.sticky import BATCH, EVERYBODY, Stickies, StickyScheduler, StickyTable
from tests.director.scheduling.farms import board, hosts


class Clock:
    """Goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def table(timeout: float = 160.0, size: int = 100, relays: bool = False) -> StickyTable:
    return StickyTable(timeout, size, relays)


def scheduler(count: int = 3, **more: int) -> StickyScheduler:
    members = hosts(0, *[1] * count, **more)  # number 0 is nobody: it has no weight
    return StickyScheduler("leastconns,sticky", members, Random(1), table(), Clock())


def number(group: StickyScheduler, client: str = "c", tried: tuple[int, ...] = ()) -> int:
    host = group.choose(client, tried)
    assert host is not None
    return host.number


# -- one table ------------------------------------------------------------------


def test_a_client_is_found_for_the_timeout_and_at_most_a_sixteenth_longer() -> None:
    one = table(timeout=160.0)
    one.stick("c", 7, 1000.0)
    assert one.find("c", 1160.0) == 7
    assert one.find("c", 1171.0) is None
    one.sweep(1171.0)
    assert len(one) == 0


def test_the_size_is_never_exceeded_and_the_least_recently_used_goes() -> None:
    one = table(size=2)
    for client, now in (("a", 1.0), ("b", 2.0), ("a", 3.0), ("c", 4.0)):
        one.stick(client, 7, now)
    assert [client for client in "abc" if one.find(client, 4.0)] == ["a", "c"]
    one.hear("d", 7, 5.0)
    assert len(one) == 2
    one.resize(160.0, 1)
    assert len(one) == 1


def test_the_cleared_take_no_place_of_those_who_are_known_and_are_bounded_themselves() -> None:
    one, other = table(size=2), table(size=2)
    one.stick("a", 7, 1.0)
    one.stick("b", 7, 2.0)
    for place in range(5):
        assert one.clear(f"stranger {place}", 3.0) == 0
    one.clear("b", 4.0)
    one.stick("c", 7, 5.0)
    for row in one.rows():
        other.hear(*row)
    for each in (one, other):
        assert [client for client in "abc" if each.find(client, 5.0)] == ["a", "c"]
        assert len(list(each.rows())) == 4
    one.sweep(1000.0)
    assert list(one.rows()) == []
    assert [row[0] for row in one.take(9)] == []


def test_only_news_and_a_renewal_each_sixteenth_are_told() -> None:
    one = table(timeout=160.0)
    one.stick("c", 7, 1000.0)
    assert one.take(9) == [("c", 7, 1000.0)]
    one.stick("c", 7, 1009.0)
    assert one.take(9) == []
    one.stick("c", 7, 1011.0)
    one.stick("d", 7, 1011.0)
    assert one.take(1) == [("c", 7, 1011.0)]
    assert one.take(9) == [("d", 7, 1011.0)]
    one.stick("c", 8, 1012.0)
    assert one.take(9) == [("c", 8, 1012.0)]


def test_the_later_word_counts_and_who_has_it_repeats_it() -> None:
    one = table()
    one.stick("c", 7, 1000.0)
    one.take(9)
    one.hear("c", 8, 999.0)
    assert one.find("c", 1000.0) == 7
    assert one.take(9) == [("c", 7, 1000.0)]
    one.hear("c", 8, 1001.0)
    assert one.find("c", 1001.0) == 8
    assert one.take(9) == []


def test_what_was_cleared_is_not_brought_back_by_an_old_word() -> None:
    one = table()
    one.stick("c", 7, 1000.0)
    one.stick("d", 7, 1000.0)
    assert one.clear("c", 1001.0) == 1
    assert one.clear("c", 1002.0) == 0
    one.hear("c", 7, 1000.5)
    assert one.find("c", 1002.0) is None
    assert one.clear(None, 1003.0) == 1
    one.hear("d", 7, 1002.0)
    assert one.find("d", 1003.0) is None
    one.hear("d", 7, 1004.0)
    assert one.find("d", 1004.0) == 7


def test_who_knows_nothing_gets_all_with_the_time_of_the_last_clearing() -> None:
    one, other = table(), table()
    other.stick("old", 7, 900.0)
    one.clear(None, 950.0)
    one.stick("c", 7, 1000.0)
    for row in one.rows():
        other.hear(*row)
    assert other.find("old", 1000.0) is None
    assert other.find("c", 1000.0) == 7


# -- many processes ---------------------------------------------------------------

CLIENTS = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["stick", "stick", "stick", "clear", "clear all", "deliver", "lose", "repeat"]),
        st.integers(0, 2),
        st.sampled_from(CLIENTS),
        st.integers(1, 4),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_workers_and_hub_agree_once_all_is_told(steps: list[tuple[str, int, str, int]], random: Random) -> None:
    hub, workers = table(relays=True), [table() for _ in range(3)]
    now = 1000.0
    for step, which, client, host in steps:
        now += 0.25
        worker = workers[which]
        if step == "stick":
            worker.stick(client, host, now)
        elif step == "clear":
            hub.clear(client, now)
        elif step == "clear all":
            hub.clear(None, now)
        else:
            up, down = worker.take(2), hub.take(2)
            if step != "lose":
                random.shuffle(up)
                for row in (*up, *up) if step == "repeat" else up:
                    hub.hear(*row)
            # What the hub says is lost for nobody or noticed by a gap: see `rows` below.
            for one in workers:
                for row in down:
                    one.hear(*row)
    # Quiet: a new hub, or a gap, makes everybody tell all.
    for one in workers:
        one.resend()
    for _ in range(4):
        for one in workers:
            for row in one.take(99):
                hub.hear(*row)
        for row in (*hub.rows(), *hub.take(99)):
            for one in workers:
                one.hear(*row)
    known = [{client: one.find(client, now) for client in CLIENTS} for one in (hub, *workers)]
    assert all(one == known[0] for one in known)


def config(*schedulers: str, size: int = 100) -> Config:
    groups = tuple(
        Group(
            name=f"g{number}",
            scheduler=scheduler,
            sticky_size=size,
            hosts=(Host(name="h", ip=Endpoint("h", 1), number=10 + number),),
            number=number,
        )
        for number, scheduler in enumerate(schedulers, 1)
    )
    return Config(services=(Service(name="web", groups=groups, enabled="g1", number=99),))


def test_only_sticky_groups_have_a_table_and_keep_it_over_a_reload() -> None:
    all_ = Stickies()
    all_.configure(config("random", "random,sticky"))
    assert list(all_.tables) == [2]
    all_.hear({1: [["c", 11, 5.0]], 2: [["c", 12, 5.0]]})
    all_.configure(config("random,sticky", "leastconns,sticky", size=50))
    assert all_.tables[2].find("c", 6.0) == 12
    assert all_.tables[2].size == 50
    all_.configure(config("random"))
    assert all_.tables == {}


def test_what_must_be_told_comes_in_pieces() -> None:
    all_ = Stickies()
    all_.configure(config("random,sticky", "random,sticky", size=BATCH * 2))
    for client in range(BATCH + 1):
        all_.tables[1].stick(f"c{client}", 11, 1.0)
    all_.tables[2].stick("d", 12, 1.0)
    assert {group: len(rows) for group, rows in all_.take().items()} == {1: BATCH}
    assert {group: len(rows) for group, rows in all_.take().items()} == {1: 1, 2: 1}
    assert all_.take() == {}
    all_.resend()
    assert sum(len(rows) for rows in all_.take(99_999).values()) == BATCH + 2
    assert [len(rows) for piece in all_.batches() for rows in piece.values()] == [BATCH, 1, 1]
    all_.tables[2].clear(None, 2.0)
    assert next(iter(all_.tables[2].rows()))[0] == EVERYBODY


# -- the scheduler ----------------------------------------------------------------


def test_a_client_returns_whatever_the_load_says() -> None:
    group = scheduler()
    counts = board(group.hosts)
    first = number(group)
    for _ in range(5):
        counts.acquire(group.hosts[first])
        assert number(group) == first
        assert group.reason == "sticky"
    assert number(group, "other") != first
    assert group.reason == "leastconns"


def test_a_client_whose_host_is_out_moves_and_stays_where_it_moved() -> None:
    group = scheduler()
    first = number(group)
    group.hosts[first].usable = False
    group.refresh()
    second = number(group)
    assert second != first
    group.hosts[first].usable = True
    group.refresh()
    assert number(group) == second


def test_a_client_moves_when_its_host_failed_for_it_or_has_no_weight_or_is_gone() -> None:
    group = scheduler()
    first = number(group)
    second = number(group, tried=(first,))
    assert number(group) == second != first
    group.hosts[second].weight = 0.0
    group.refresh()
    third = number(group)
    assert third != second
    group.refresh([host for host in group.hosts if host.number != third])
    assert number(group) == first


def test_a_full_host_keeps_its_clients_while_others_serve_them() -> None:
    members = hosts(0, 1, 1, maxconn=1)  # number 0 is nobody
    counts = board(members)
    group = StickyScheduler("leastconns,sticky", members, Random(1), table(), Clock())
    first = number(group)
    counts.acquire(group.hosts[first])
    assert number(group) == 3 - first
    counts.release(group.hosts[first])
    assert number(group) == first


def test_a_backup_lets_its_clients_go_when_it_is_needed_no_longer() -> None:
    group = scheduler(2)
    group.hosts[1].usable = False
    group.hosts[2].backup = True
    group.refresh()
    assert number(group) == 2
    group.hosts[1].usable = True
    group.refresh()
    assert number(group) == 1


def test_an_entry_that_is_over_counts_no_more() -> None:
    clock = Clock()
    group = StickyScheduler("first,sticky", hosts(1, 1), Random(1), table(timeout=160.0), clock)
    group.table.stick("c", 1, clock.now)
    assert number(group) == 1
    clock.now += 171.0
    assert number(group) == 0
