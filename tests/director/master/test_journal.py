"""The journal's file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director import logs
from director.errors import SystemFailure
from director.master import journal as journals
from director.master.journal import Journal
from director.master.records import Changed, Loaded
from director.messages import Actor
from tests.shortage import no_room


def change(number: int) -> Changed:
    return Changed(number, 1.0, Actor("me"), "said", ())


def test_what_was_appended_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal"
    journal = Journal(str(path))
    assert journal.next_number == 1
    journal.append(change(1))
    journal.append(change(2))
    journal.close()
    again = Journal(str(path))
    assert again.records == [change(1), change(2)]
    assert again.next_number == 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_tail_is_cut_off_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(str(path))
    journal.append(change(1))
    journal.close()
    path.write_bytes(path.read_bytes() + b'0000 ["chan')
    torn = Journal(str(path))
    torn.append(change(2))
    torn.close()
    assert Journal(str(path)).records == [change(1), change(2)]


def test_a_record_that_can_not_be_read_costs_none_of_those_after_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal"
    journal = Journal(str(path))
    for number in (1, 2, 3):
        journal.append(change(number))
    journal.close()
    data = path.read_bytes().replace(b'"number":2', b'"number":9')
    path.write_bytes(data)
    torn = Journal(str(path))
    assert torn.records == [change(1), change(3)]
    assert torn.next_number > 4
    torn.close()
    assert path.read_bytes() == data
    assert "journal skipped" in capfd.readouterr().err


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    first = Journal(str(tmp_path / "journal"))
    with pytest.raises(SystemFailure, match="another daemon does"):
        Journal(str(tmp_path / "journal"))
    first.close()
    Journal(str(tmp_path / "journal")).close()


def test_a_long_journal_is_written_anew_at_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_LONG", 1000)
    monkeypatch.setattr(journals, "_KEPT", 3)
    path = tmp_path / "journal"
    journal = Journal(str(path))
    for number in range(1, 21):
        journal.append(change(number))
    loaded = Loaded(1.0, "f", "d", "text")
    journal.append(loaded)
    journal.append(change(21))
    journal.close()
    assert Journal(str(path)).records == [change(18), change(19), change(20), loaded, change(21)]


def test_where_nothing_can_be_written_the_daemon_goes_on_without_and_the_log_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    monkeypatch.setattr(logs, "warning", lambda event, **fields: said.append(fields["reason"]))
    journal = Journal(str(tmp_path / "file" / "journal"))
    assert said == [f"{journal.failure}; start with a --state-dir that can be written"]
    journal.append(change(1))
    assert journal.records == [change(1)]
    assert journal.failure == "changes are not remembered: File exists"


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal")
    assert Journal(str(tmp_path / "journal")).failure == "changes are not remembered: it is no regular file"


def test_a_full_disk_refuses_the_change(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "journal"))
    journal.close()
    journal._fd = open("/dev/full", "wb").fileno()  # noqa: SIM115 - its owner is the journal
    with pytest.raises(SystemFailure, match="nothing was changed"):
        journal.append(change(1))
    assert journal.records == []


def test_what_is_in_force_on_a_full_disk_goes_before_the_next_that_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(logs, "warning", lambda event, *, reason, **fields: warned.append(reason))
    path = tmp_path / "journal"
    journal = Journal(str(path))
    journal.append(change(1))
    loaded = Loaded(1.0, "f", "d", "text")
    with no_room():
        journal.owe(loaded)
        assert journal.records == [change(1), loaded]
        with pytest.raises(SystemFailure, match="nothing was changed"):
            journal.append(change(2))
    assert warned == ["File too large; what is in force is written down before the next change is"]
    journal.append(change(3))
    journal.append(change(4))
    journal.close()
    assert Journal(str(path)).records == [change(1), loaded, change(3), change(4)]


def test_what_was_owed_is_in_a_journal_that_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    journal = Journal(str(path))
    journal.append(change(1))
    with no_room():
        journal.owe(change(2))
    monkeypatch.setattr(journals, "_LONG", 1)
    loaded = Loaded(1.0, "f", "d", "text")
    journal.append(loaded)
    journal.append(change(3))
    journal.close()
    assert Journal(str(path)).records == [change(1), change(2), loaded, change(3)]
