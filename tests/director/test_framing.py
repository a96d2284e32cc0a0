"""Messages survive the wire, also between versions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from director.errors import Problem, RemoteProtocolError, Severity
from director.frames import LENGTH, pack
from director.framing import decode, encode, encode_body
from director.messages import (
    Actor,
    AdminDown,
    Amend,
    Answer,
    Checked,
    Configure,
    Edit,
    GroupEnable,
    Heartbeat,
    HostDown,
    HostState,
    Message,
    Reload,
    Request,
    Running,
    Slot,
    Snapshot,
    Target,
)
from tests.director.config.strategies import configs

SAMPLES: list[Message] = [
    Request(1, Actor("me"), HostDown("a", "b", "c", "why")),
    Request(2, Actor("me"), Reload(), force=True),
    Request(3, Actor("me", "web"), GroupEnable("a", "b")),
    Amend(3, (Edit(("service", "a"), "maxconn", None, 7),)),
    Answer(1, 78, ("line",), (Problem(Severity.ERROR, "f", 1, "m"),)),
    Checked(None, (Problem(Severity.WARNING, "f", 1, "m"),)),
    Snapshot("e", 1, (Target(1, True, ((2, ["1.2.3.4", 80]),)),), {0: {2: 3}}),
    Heartbeat(0.1, 2),
]


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: str(type(message).__name__))
def test_a_message_reads_back_as_itself(message: Message) -> None:
    assert decode(encode(message)[LENGTH.size :]) == message
    assert decode(encode_body(message)) == message


@settings(max_examples=30)
@given(configs())
def test_every_config_crosses_a_link(config: object) -> None:
    admin = {7: AdminDown(HostState.MAINT, "me", 1.0, "why")}
    message = Configure(Running(3, config, admin))  # type: ignore[arg-type]
    assert decode(encode_body(message)) == message


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    assert decode(pack(["Heartbeat", {"lag": 0.5, "mood": "good"}])[LENGTH.size :]) == Heartbeat(0.5, 0)


@pytest.mark.parametrize(
    "value", [None, [], ["Nonsense", {}], ["Heartbeat", {}], ["Heartbeat", 3], ["Request", {"id": 1}]]
)
def test_what_is_no_message_is_refused(value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(pack(value)[LENGTH.size :])


def test_slots_stay_numbers() -> None:
    assert Slot(3) == 3
