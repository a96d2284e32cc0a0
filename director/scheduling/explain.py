"""Why this host: what a scheduler would do with a client now, without doing it.

Computed only when somebody asks, from the very objects that choose. One
function for each policy says what its choice goes by; nothing of them changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from director.messages import HostState
from director.scheduling.hashring import cell
from director.scheduling.own import OwnPolicy
from director.scheduling.policies import (
    First,
    Hash,
    LeastConns,
    LeastConnsRR,
    Policy,
    PowerOfTwo,
    RandomPolicy,
    RoundRobin,
)
from director.scheduling.scheduler import GroupScheduler
from director.scheduling.scoreboard import HostLoad
from director.scheduling.sticky import StickyScheduler

Document = dict[str, Any]
Scores = dict[HostLoad, float]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a policy goes by. `best`: those of whom one will be chosen; the chance of each by `tie_break`."""

    rule: str
    scores: Scores
    best: tuple[HostLoad, ...]
    tie_break: str = ""


def explain(
    scheduler: GroupScheduler, client: str, state: Callable[[HostLoad], HostState], now: float, limit: str = ""
) -> Document:
    """All hosts of the group, what each is worth, and who would get a connection of `client`.

    `limit`: whose maxconn, of what is above the hosts, allows none at the moment; empty if one may be made.
    """
    policy = scheduler.active
    candidates = [host for host in scheduler.hosts if host.home is policy]
    ranking = _rank(policy, candidates, client)
    stuck = _stuck(scheduler, client, now)
    best = () if limit else ranking.best
    rule, tie_break = ranking.rule, ranking.tie_break if len(best) > 1 else ""
    if stuck is not None and stuck.home is policy and not limit:
        best, rule, tie_break = (stuck,), f"sticky: {client} returns to {stuck.name}", ""
    sticks, likely = stuck if len(best) == 1 and best[0] is stuck else None, frozenset(best)
    return {
        "scheduler": scheduler.scheduler,
        "in_use": scheduler.name,
        "fault": scheduler.fault,
        "client": client,
        "limit": limit,
        "rule": rule,
        "chosen": best[0].name if len(best) == 1 else None,
        "one_of": [host.name for host in best] if len(best) > 1 else [],
        "tie_break": tie_break,
        "sticky": None if not isinstance(scheduler, StickyScheduler) else (stuck.name if stuck else ""),
        "hosts": [
            {
                "host": host.name,
                "weight": host.weight,
                "maxconn": host.maxconn,
                "open": host.open,
                "own": host.own,
                "others": host.others,
                "expected": host.score,
                "score": _rounded(ranking.scores.get(host)),
                "verdict": "limit"
                if limit and host.home is policy
                else _verdict(scheduler, host, state(host), likely, sticks),
            }
            for host in scheduler.hosts
        ],
    }


def _verdict(
    scheduler: GroupScheduler, host: HostLoad, state: HostState, best: Set[HostLoad], stuck: HostLoad | None
) -> str:
    """What becomes of a host, in a word: chosen, tied, or why not."""
    if not host.usable:
        return state.value if state is not HostState.UP else HostState.DOWN.value
    if host.weight <= 0:
        return "no weight"
    if host.full:
        return "limit"
    if host.home is not scheduler.active:
        return "backup"
    if host in best:
        return "chosen" if len(best) == 1 else "tied"
    return "sticky" if stuck is not None else "-"


def _stuck(scheduler: GroupScheduler, client: str, now: float) -> HostLoad | None:
    if not isinstance(scheduler, StickyScheduler):
        return None
    number = scheduler.table.find(client, now)
    return next((host for host in scheduler.hosts if host.number == number), None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


# -- one function for each policy -----------------------------------------------------


def _lowest(scores: Scores) -> tuple[HostLoad, ...]:
    least = min(scores.values(), default=0.0)
    return tuple(host for host, score in scores.items() if score == least)


def _relative(hosts: list[HostLoad]) -> Scores:
    return {host: (host.score + 1) * host.stride for host in hosts}


def _by_chance(_policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    total = sum(host.weight for host in hosts)
    scores = {host: host.weight / total for host in hosts}
    return Ranking("drawn by weight; the score is the chance", scores, tuple(hosts), "at random, by weight")


def _two_choices(_policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    rule = "of two drawn by weight the lower (expected + 1) / weight"
    return Ranking(rule, _relative(hosts), tuple(hosts), "at random, by weight; the lower score of two")


def _in_turn(policy: Policy, _hosts: list[HostLoad], _client: str) -> Ranking:
    assert isinstance(policy, RoundRobin)
    dues = {
        host: max(0.0, turn.due - policy.now) + place / (turn.weight * len(turn.hosts))
        for turn in policy.queue
        for place, host in enumerate(turn.hosts)
    }
    order = sorted(dues, key=lambda host: dues[host])
    scores = {host: float(place) for place, host in enumerate(order)}
    return Ranking("the next in turn in this worker; the score is how many come before", scores, tuple(order[:1]))


def _least(_policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    scores = _relative(hosts)
    return Ranking("the lowest (expected + 1) / weight", scores, _lowest(scores), "at random")


def _least_untouched(policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    assert isinstance(policy, LeastConnsRR)
    scores = _relative(hosts)
    lowest = _lowest(scores)
    first = next((host for host in policy.buckets.get(lowest[0].key, ()) if host in lowest), None) if lowest else None
    rule = "the lowest (expected + 1) / weight; of those, the one whose count has not changed for longest"
    return Ranking(rule, scores, (first,) if first is not None else ())


def _first(_policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    scores = {host: float(place) for place, host in enumerate(hosts)}
    return Ranking("the first in the order of the config; the score is its place", scores, tuple(hosts[:1]))


def _by_hash(policy: Policy, hosts: list[HostLoad], client: str) -> Ranking:
    assert isinstance(policy, Hash)
    scores: Scores = {}
    for look in range(Hash.LOOKS if hosts else 0):
        scores.setdefault(policy.hosts[policy.owners[cell(client, look)]], float(look))
    scores = {host: look for host, look in scores.items() if host in hosts}
    chosen = policy.pick(client)  # which changes nothing
    rule = "the owner of the client's place on the hash ring; the score is the look at which a host was found"
    return Ranking(rule, scores, (chosen,) if chosen is not None else ())


def _own(_policy: Policy, hosts: list[HostLoad], _client: str) -> Ranking:
    return Ranking("what its own code says, which is not asked for this", {}, tuple(hosts), "by its own code")


_RANKINGS: Mapping[type[Policy], Callable[[Policy, list[HostLoad], str], Ranking]] = {
    RandomPolicy: _by_chance,
    PowerOfTwo: _two_choices,
    RoundRobin: _in_turn,
    LeastConns: _least,
    LeastConnsRR: _least_untouched,
    First: _first,
    Hash: _by_hash,
    OwnPolicy: _own,
}


def _rank(policy: Policy, hosts: list[HostLoad], client: str) -> Ranking:
    return _RANKINGS[type(policy)](policy, hosts, client)
