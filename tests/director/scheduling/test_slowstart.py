"""A host that returns gets its weight by and by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.config.model import Config, Endpoint, Group, Host, Service
from director.scheduling.slowstart import SlowStarts, share

HOST = Host(name="a", ip=Endpoint("h", 1), weight=2.0, number=3)


def starts(slowstart: float = 30.0) -> SlowStarts:
    group = Group(name="main", hosts=(HOST,), slowstart=slowstart, number=2)
    found = SlowStarts()
    found.configure(Config(services=(Service(name="web", groups=(group,), number=1),)))
    return found


def test_the_weight_grows_to_the_whole_one() -> None:
    found = starts()
    found.returned(3, 100.0)
    assert [found.weights(now)[3] for now in (100.0, 103.0, 115.0, 129.9, 130.0)] == [0.2, 0.2, 1.0, 1.8, 2.0]
    assert found.weights(131.0) == {}


def test_who_was_never_out_or_has_no_slowstart_has_its_weight() -> None:
    found = starts()
    found.returned(3, 0.0)
    assert found.weights(100.0) == {}
    found = starts(slowstart=0.0)
    found.returned(3, 100.0)
    assert found.weights(100.0) == {}


def test_a_host_that_is_gone_is_forgotten() -> None:
    found = starts()
    found.returned(3, 100.0)
    found.configure(Config())
    assert found.weights(101.0) == {}


@given(st.floats(0.001, 1e5), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_share_never_falls_with_time(span: float, one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert 0.0 < share(early, span) <= share(late, span) <= 1.0
