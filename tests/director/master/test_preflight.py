"""Trying a version before it takes over."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from director.master.invocation import Invocation
from director.master.loop import Loop
from director.master.preflight import PROTOCOL, Preflight, judge, try_out
from director.master.system import System
from director.places import Places


@pytest.mark.parametrize(
    ("lines", "version", "reason"),
    [
        ([f"director is fit: {PROTOCOL} 2.0"], "2.0", ""),
        (["a warning of some library", f"director is fit: {PROTOCOL} 2.0"], "2.0", ""),
        ([f"director is fit: {PROTOCOL + 1} 3.0"], None, "restart instead"),
        (["Traceback (most recent call last):", "...", "ImportError: no x"], None, "ImportError: no x"),
        (["c.xml:1: bad", "c.xml:2: worse"], None, "c.xml:1: bad; c.xml:2: worse"),
        (["it died without a word"], None, "it died without a word"),
    ],
)
def test_only_a_version_that_says_so_is_fit(lines: list[str], version: str | None, reason: str) -> None:
    got, why = judge(lines)
    assert got == version
    assert reason in why


def test_a_config_that_can_not_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.xml"
    places = Places(str(tmp_path), str(tmp_path), str(config), str(tmp_path / "pid"))
    assert try_out(places, lambda admin, files: ()) == 78
    config.write_text("<director>")
    assert try_out(places, lambda admin, files: ()) == 78
    assert "c.xml:1: " in capsys.readouterr().out
    config.write_text("<director/>")
    assert try_out(places, lambda admin, files: ()) == 0
    assert judge(capsys.readouterr().out.splitlines())[0] is not None


def outcome(words: tuple[str, ...], tmp_path: Path) -> tuple[str | None, str]:
    loop = Loop(time.monotonic)
    done: list[tuple[str | None, str]] = []
    places = Places(str(tmp_path), str(tmp_path), None, str(tmp_path / "pid"))
    flight = Preflight(loop, lambda version, reason: done.append((version, reason)))
    flight.begin(System(), Invocation(words, str(tmp_path)), places)
    while not done:
        loop.step()
    loop.close()
    return done[0]


def test_what_can_not_be_run_or_dies_is_not_fit(tmp_path: Path) -> None:
    assert outcome(("/no/such/python",), tmp_path) == (None, "can't run /no/such/python: No such file or directory")
    assert outcome(("true",), tmp_path) == (None, "it died without a word")
