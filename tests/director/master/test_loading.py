"""Config texts at run time; with real processes in tests/system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from director.config.model import Control
from director.config.writer import write
from director.errors import RefusedError, SystemFailure
from director.master.records import digest
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Actor, ApplyConfig, Order, Reload, Request, SaveConfig
from tests.director.master.test_changing import hold


@pytest.fixture
def serving(master: Master, tmp_path: Path) -> Master:
    path = tmp_path / "config.xml"
    path.write_bytes(write(master.running.config))
    master.places = replace(master.places, config=str(path))
    master.stage = Stage.SERVING
    hold(master)
    return master


def finish(master: Master) -> None:
    while master.changing.loading._job is not None:
        master.loop.step()


def test_a_file_read_anew_runs(serving: Master, tmp_path: Path) -> None:
    config = replace(serving.running.config, stop_timeout=3.0)
    (tmp_path / "config.xml").write_bytes(write(config))
    serving.changing.loading.begin(None)
    finish(serving)
    assert serving.running.config == config == serving.loaded
    assert serving.running.version == 2


@pytest.mark.parametrize(
    ("order", "verb"),
    [(Reload(), "reload"), (ApplyConfig(b"", "x"), "apply the config"), (SaveConfig(b"", ""), "save what runs")],
)
def test_a_daemon_that_can_not_says_what_it_was_asked_for(serving: Master, order: Order, verb: str) -> None:
    serving.stage = Stage.PROBATION_NEW
    with pytest.raises(SystemFailure, match=f"^can't {verb}: the daemon is in probation"):
        serving.changing.loading.begin(Request(1, Actor("me"), order))


def test_relative_paths_of_a_text_that_was_typed_lead_from_the_config_file(serving: Master, tmp_path: Path) -> None:
    logging = replace(serving.running.config.logging, file=str(tmp_path / "director.log"))
    config = replace(serving.running.config, logging=logging)
    serving.running = replace(serving.running, config=config)
    text = write(replace(config, stop_timeout=3.0)).replace(f"{tmp_path}/".encode(), b"")
    for name, seconds in (("/elsewhere/x.xml", config.stop_timeout), ("the page", 3.0)):
        serving.changing.request(Request(1, Actor("me"), ApplyConfig(text, name)))
        finish(serving)
        assert serving.running.config == replace(config, stop_timeout=seconds)


def test_what_is_asked_for_meanwhile_waits_for_its_turn(serving: Master, tmp_path: Path) -> None:
    loading, path = serving.changing.loading, tmp_path / "config.xml"
    config = replace(serving.running.config, stop_timeout=3.0)
    loading.begin(None)
    path.write_bytes(write(config))  # what the first has read was another
    loading.hup()
    loading.hup()
    serving.changing.request(Request(1, Actor("me"), ApplyConfig(write(replace(config, drain_timeout=4.0)), "/x")))
    finish(serving)
    assert serving.loaded == config
    assert serving.running.config == replace(config, drain_timeout=4.0)
    assert serving.running.version == 3


def test_not_too_many_wait(serving: Master) -> None:
    def reload() -> None:
        serving.changing.loading.begin(Request(1, Actor("me"), Reload()))

    for _ in range(11):
        reload()
    with pytest.raises(RefusedError, match="10 others wait"):
        reload()
    finish(serving)
    reload()
    finish(serving)


def test_who_waits_when_the_daemon_ends_is_told(serving: Master, tmp_path: Path) -> None:
    (tmp_path / "config.xml").write_bytes(write(replace(serving.running.config, stop_timeout=3.0)))
    serving.changing.loading.begin(None)
    serving.changing.request(Request(1, Actor("me"), Reload()))
    serving.stage = Stage.STOPPING
    finish(serving)
    assert not serving.changing.loading._waiting


def test_a_plan_of_another_state_is_refused(serving: Master) -> None:
    text = write(replace(serving.running.config, stop_timeout=3.0))
    for plan, version in ((f"7-{digest(text)[:10]}", 1), ("1-0123456789", 1), (f"1-{digest(text)[:10]}", 2)):
        serving.changing.request(Request(1, Actor("me"), ApplyConfig(text, "/x", plan)))
        finish(serving)
        assert serving.running.version == version


def test_a_text_that_leaves_clients_without_a_host_is_applied_by_force_only(serving: Master) -> None:
    (web,) = serving.running.config.services
    empty = replace(web, groups=(replace(web.groups[0], hosts=()),))
    text = write(replace(serving.running.config, services=(empty,)))
    for force, version in ((False, 1), (True, 2)):
        serving.changing.request(Request(1, Actor("me"), ApplyConfig(text, "/x"), force=force))
        finish(serving)
        assert serving.running.version == version


def test_a_dry_run_changes_nothing(serving: Master) -> None:
    text = write(replace(serving.running.config, stop_timeout=3.0))
    serving.changing.request(Request(1, Actor("me"), ApplyConfig(text, "/x"), dry_run=True))
    serving.changing.request(Request(1, Actor("me"), Reload(), dry_run=True))
    finish(serving)
    assert serving.running.version == 1


def save(master: Master, text: bytes, over: bytes, dry_run: bool = False) -> None:
    master.changing.request(Request(1, Actor("me"), SaveConfig(text, digest(over)), dry_run=dry_run))
    finish(master)


def test_only_what_runs_is_saved_and_the_old_file_is_kept(serving: Master, tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    old = path.read_bytes()
    save(serving, write(replace(serving.loaded, stop_timeout=3.0)), old)
    assert path.read_bytes() == old
    new = b"<!-- mine -->\n" + old
    save(serving, new, old)
    assert path.read_bytes() == new
    save(serving, new, new)  # says so already
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir() if ".bak" in one.name] == [
        ("config.xml.bak", old)
    ]
    save(serving, old, new)
    assert [(tmp_path / f"config.xml{end}").read_bytes() for end in ("", ".bak", ".bak.1")] == [old, new, old]


def test_a_dry_run_of_saving_tries_whether_the_file_can_be_written(serving: Master, tmp_path: Path) -> None:
    answers: list[tuple[int, str]] = []
    serving.changing.answer = lambda request, exit, lines, **more: answers.append((exit, lines[0]))  # type: ignore[method-assign]
    path = tmp_path / "config.xml"
    old = path.read_bytes()
    save(serving, b"<!-- mine -->\n" + old, old, dry_run=True)
    save(serving, old, old, dry_run=True)
    assert answers == [(0, f"write what runs to {path}"), (0, "nothing to change")]
    assert [one.read_bytes() for one in tmp_path.glob("config.xml*")] == [old]
    long = tmp_path / ("x" * 250)  # there is no longer name for the one beside it
    long.write_bytes(old)
    serving.places = replace(serving.places, config=str(long))
    save(serving, old, old, dry_run=True)
    assert answers[-1] == (1, f"can't write {long}: File name too long; nothing was changed")


def test_what_was_edited_meanwhile_is_not_overwritten(serving: Master, tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    old = path.read_bytes()
    path.write_bytes(b"<!-- edited -->\n" + old)
    save(serving, b"<!-- mine -->\n" + old, old)
    assert path.read_bytes() == b"<!-- edited -->\n" + old


def test_the_file_is_told_beside_what_was_loaded(serving: Master, tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    old = path.read_bytes()
    loading = serving.changing.loading
    assert loading.texts() == {"name": str(path), "text": old, "digest": digest(old), "loaded": old}
    loading.begin(None)
    finish(serving)
    path.write_bytes(b"<edited")
    assert (loading.texts()["text"], loading.texts()["loaded"]) == (b"<edited", old)


def test_a_daemon_without_a_file_says_so(serving: Master) -> None:
    serving.places = replace(serving.places, config=None)
    with pytest.raises(SystemFailure, match="runs without one"):
        serving.changing.loading.begin(None)


def test_what_this_machine_has_not_is_refused_before_anything_changes(serving: Master, tmp_path: Path) -> None:
    config = replace(serving.running.config, controls=(Control(group="no-such-group"),))
    (tmp_path / "config.xml").write_bytes(write(config))
    answers: list[tuple[int, str]] = []
    serving.changing.answer = lambda request, exit, lines, problems=(), **more: answers.append(  # type: ignore[method-assign]
        (exit, str(problems[0]))
    )
    serving.changing.loading.begin(Request(1, Actor("me"), Reload()))
    finish(serving)
    ((exit, problem),) = answers
    assert exit == 78
    assert ": can't give rights to group 'no-such-group': there is no such group; write " in problem
    assert serving.running.version == 1
