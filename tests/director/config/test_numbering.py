"""Numbers: kept by name, given once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.config.model import Config, Endpoint, Group, Host, Service
from director.config.numbering import assign, numbered

NAMES = ("a", "b", "c")


def _hosts(names: list[str]) -> tuple[Host, ...]:
    return tuple(Host(name=name, ip=Endpoint("10.0.0.1", 80)) for name in names)


def _groups(groups: dict[str, list[str]]) -> tuple[Group, ...]:
    return tuple(Group(name=name, hosts=_hosts(hosts)) for name, hosts in groups.items())


def _config(services: dict[str, dict[str, list[str]]]) -> Config:
    return Config(services=tuple(Service(name=name, groups=_groups(groups)) for name, groups in services.items()))


_names = st.lists(st.sampled_from(NAMES), unique=True)
_configs = st.dictionaries(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(NAMES), _names, max_size=3),
    max_size=3,
).map(_config)


def test_everything_gets_a_number_of_its_own() -> None:
    config, last = assign(_config({"web": {"main": ["a", "b"], "next": ["a"]}}), None, 0)
    assert sorted(numbered(config).values()) == list(range(1, 7))
    assert last == 6


def test_what_keeps_its_name_keeps_its_number() -> None:
    first, last = assign(_config({"web": {"main": ["a", "b"]}}), None, 0)
    second, after = assign(_config({"web": {"main": ["b", "c"]}}), first, last)
    before, now = numbered(first), numbered(second)
    assert now["web", "main", "b"] == before["web", "main", "b"]
    assert now["web", "main", "c"] == after == last + 1


@given(st.lists(_configs, min_size=1, max_size=6))
def test_a_number_means_one_thing_for_ever(configs: list[Config]) -> None:
    running: Config | None = None
    last = 0
    meaning: dict[int, tuple[str, ...]] = {}
    for config in configs:
        before = {} if running is None else numbered(running)
        numbered_config, after = assign(config, running, last)
        now = numbered(numbered_config)
        assert numbered_config == config
        assert len(set(now.values())) == len(now)
        assert all(now[path] == number for path, number in before.items() if path in now)
        fresh = [now[path] for path in now if path not in before]
        assert sorted(fresh) == list(range(last + 1, after + 1))
        for path, number in now.items():
            assert meaning.setdefault(number, path) == path
        running, last = numbered_config, after
