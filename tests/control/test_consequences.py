"""What the steps of a plan will cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from control.consequences import lines, weighed


def host(name: str, open_: int = 0, state: str = "up", weight: float = 1.0) -> dict[str, Any]:
    return {"name": name, "open": open_, "state": state, "weight": weight}


MAIN = {"name": "main", "hosts": [host("a", 7), host("b", 1), host("c", state="down")]}
NEXT = {"name": "next", "hosts": [host("d"), host("e", state="down")]}
STATS = {"services": [{"name": "web", "open": 8, "groups": [MAIN, NEXT]}]}


LEFT = "1 of 2 usable hosts left, 50 %"


@pytest.mark.parametrize(
    ("kind", "text", "path", "consequence"),
    [
        ("remove", "remove host 'a'", "web main a", f"7 connections stay to their end; {LEFT}"),
        ("change", "give nothing new to host 'b'", "web main b", f"1 connection stays to their end; {LEFT}"),
        ("remove", "remove group 'main'", "web main", "8 connections stay to their end"),
        ("remove", "remove service 'web'", "web", "8 connections stay to their end"),
        (
            "enable",
            "enable group 'next' of web instead of 'main'",
            "web",
            "1 of its 2 hosts are up; connections stay where they are",
        ),
        ("close", "close listener *:80 of web", "web", "who waits there is still accepted; connections stay"),
        (
            "change",
            "change maxconn of host 'a' in web/main from none to 5",
            "web main a",
            "it has 7 now: none are cut, and none new until they are fewer",
        ),
        ("change", "change maxconn of host 'a' in web/main from none to 50", "web main a", ""),
        ("add", "add host 'z' to web/main", "web main z", ""),
        ("change", "change stop-timeout of director", "", ""),
    ],
)
def test_a_step_is_told_with_its_cost(kind: str, text: str, path: str, consequence: str) -> None:
    (action,) = weighed([{"kind": kind, "text": text, "path": path.split(), "restart": False}], STATS)
    assert action["consequence"] == consequence
    assert lines([action]) == [f"{text} ({consequence})" if consequence else text]


def test_of_many_steps_each_costs_no_look_at_all_hosts() -> None:
    class Hosts(list[dict[str, Any]]):
        looks = 0

        def __iter__(self) -> Iterator[dict[str, Any]]:
            self.looks += 1
            return super().__iter__()

    hosts = Hosts(host(f"h{number}") for number in range(100))
    stats = {"services": [{"name": "web", "open": 0, "groups": [{"name": "main", "hosts": hosts}]}]}
    actions = [{"kind": "remove", "text": "", "path": ["web", "main", one["name"]]} for one in hosts]
    hosts.looks = 0
    told = {action["consequence"] for action in weighed(actions, stats)}
    assert told == {"0 connections stay to their end; 99 of 100 usable hosts left, 99 %"}
    assert hosts.looks <= 2


def test_connections_that_are_drained_do_not_stay() -> None:
    actions = [
        {"kind": "change", "text": "give nothing new to host 'b' of web/main", "path": ["web", "main", "b"]},
        {"kind": "change", "text": "drain host 'b' of web/main", "path": ["web", "main", "b"]},
        {"kind": "change", "text": "drain group 'main' of web", "path": ["web", "main"]},
    ]
    told = [action["consequence"] for action in weighed(actions, STATS)]
    assert told == [f"1 connection; {LEFT}", "1 connection", "8 connections"]
