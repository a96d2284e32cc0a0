"""Records: what runs is the last text, what stays, and every later change, whatever happens."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from director.config.changes import amend, chosen_again
from director.config.edits import by_place, diff, is_order, renumbered
from director.config.merge import merge
from director.config.model import Config
from director.config.numbering import assign
from director.errors import RefusedError, UsageError
from director.master.records import Changed, Loaded, Record, line, read, replay, since_load, taking_back
from director.messages import (
    Change,
    ChangeScheduler,
    GroupAdd,
    GroupEnable,
    HostAdd,
    HostDelete,
    HostDown,
    HostUp,
    HostWeight,
    Running,
)
from tests.director.config.configs import ANN, RUNNING, configs, host

_service = st.sampled_from("abcd")
_name = st.sampled_from("abcd")
_changes = st.one_of(
    st.builds(HostDown, _service, _name, _name),
    st.builds(HostUp, _service, _name, _name),
    st.builds(HostDelete, _service, _name, _name),
    st.builds(HostWeight, _service, _name, _name, st.sampled_from([0.0, 1.0, 5.0])),
    st.builds(GroupEnable, _service, _name),
    st.builds(HostAdd, _service, _name, st.builds(host, _name)),
)


class Life(RuleBasedStateMachine):
    """A master without processes: it changes, writes down, reloads, is killed and starts again."""

    @initialize(config=configs)
    def begin(self, config: Config) -> None:
        self.file = config
        self.disk = b""
        self.records: list[Record] = []
        self.loaded = config
        self.last = 0
        self.running, self.last = self._numbered(config)
        self._write(Loaded(0.0, "f", "d", ""))

    def _numbered(self, config: Config) -> tuple[Running, int]:
        numbered, last = assign(config, None, self.last)
        return Running(1, numbered), last

    def _write(self, record: Record) -> None:
        self.disk += line(record)
        self.records.append(record)

    def _commit(self, after: Running, undoes: int = 0) -> None:
        after, self.last = renumbered(after, self.running.config, self.last)
        if edits := diff(self.running, after):
            number = 1 + max((one.number for one in self.records if isinstance(one, Changed)), default=0)
            self._write(Changed(number, 1.0, ANN, "said", edits, "", undoes))
            self.running = after

    @rule(change=_changes, force=st.booleans())
    def change(self, change: Change, force: bool) -> None:
        try:
            self._commit(amend(self.running, change, ANN, 1.0, force=force)[0])
        except (RefusedError, UsageError):
            pass

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        numbers = [one.number for one in self.records if isinstance(one, Changed)]
        if not numbers:
            return
        number = data.draw(st.sampled_from(numbers))
        try:
            change, edits = taking_back(self.records, number, self.running)
        except RefusedError:
            return
        self._commit(replay(self.running, edits), change.number)

    @rule(config=configs)
    def edit_the_file(self, config: Config) -> None:
        self.file = config

    @rule()
    def reload(self) -> None:
        numbered, self.last = assign(self.file, self.running.config, self.last)
        merged = merge(self.loaded, Running(1, numbered), self.running)
        self._write(Loaded(0.0, "f", "d", "", merged.stays))
        self.loaded, self.running = self.file, merged.running

    @rule(config=configs)
    def apply_a_clients_config(self, config: Config) -> None:
        self._commit(replace(self.running, config=config, admin={}))

    @rule(torn=st.integers(0, 60))
    def crash(self, torn: int) -> None:
        """Killed while it wrote another record, of which so many bytes got to the disk."""
        record = line(Changed(999, 1.0, ANN, "torn", (), ""))
        tail = record[: min(torn, len(record) - 1)]
        records, good, strange = read(self.disk + tail)
        assert (good, strange) == (len(self.disk), 0)
        assert records == self.records
        self.records = records
        self.running, self.last = self._recalled()

    def _recalled(self) -> tuple[Running, int]:
        _, edits = since_load(self.records)
        config, last = assign(self.loaded, self.running.config, self.last)
        before, last = renumbered(replay(Running(1, config), edits), self.running.config, last)
        return before, last

    @invariant()
    def what_runs_is_file_and_journal(self) -> None:
        if not hasattr(self, "records"):
            return
        recalled, _ = self._recalled()
        assert {s.name: s for s in recalled.config.services} == {s.name: s for s in self.running.config.services}
        assert by_place(recalled) == by_place(self.running)
        numbers = [s.number for s in self.running.config.services]
        numbers += [g.number for s in self.running.config.services for g in s.groups]
        numbers += [h.number for s in self.running.config.services for g in s.groups for h in g.hosts]
        assert len(numbers) == len(set(numbers)) and 0 not in numbers
        assert set(self.running.admin) <= set(numbers)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase


def changed(number: int, running: Running, change: Change, undoes: int = 0) -> tuple[Changed, Running]:
    after, _ = amend(running, change, ANN, 1.0, force=True)
    after, _ = renumbered(after, running.config, 100 + number)
    return Changed(number, 1.0, ANN, f"change {number}", diff(running, after), "", undoes), after


def test_a_change_that_others_rest_on_is_not_undone() -> None:
    one, running = changed(1, RUNNING, HostAdd("web", "main", host("new")))
    two, running = changed(2, running, HostWeight("web", "main", "new", 2.0))
    with pytest.raises(RefusedError, match="change 2 depends on it"):
        taking_back([one, two], 1, running)
    three = Changed(3, 1.0, ANN, "undo", taking_back([one, two], 2, running)[1], "", 2)
    running = replay(running, three.edits)
    assert replay(running, taking_back([one, two, three], 1, running)[1]).config == RUNNING.config
    assert taking_back([one, two, three], 2, running)[1] == ()


def test_undoing_what_was_undone_since_names_who_did_it() -> None:
    one, running = changed(1, RUNNING, HostWeight("web", "main", "a", 2.0))
    records = [one]
    for number, of in ((2, 1), (3, 2), (4, 1)):  # there, back, there again, and back again
        edits = taking_back(records, of, running)[1]
        records.append(Changed(number, 1.0, ANN, f"undo {of}", edits, "", of))
        running = replay(running, edits)
    with pytest.raises(RefusedError, match=r"can't undo 3: change 4 depends on it \(undo 1\)"):
        taking_back(records, 3, running)
    running = replay(running, taking_back(records, 4, running)[1])
    assert running.config.services[0].groups[0].hosts[0].weight == 2.0


def test_what_only_tried_the_same_again_is_not_undone_and_nothing_rests_on_it() -> None:
    one, running = changed(1, RUNNING, ChangeScheduler("web", "main", "first"))
    again = Changed(2, 1.0, ANN, "again", chosen_again(running, ChangeScheduler("web", "main", "first", again=True)))
    assert replay(running, again.edits).config == running.config
    with pytest.raises(RefusedError, match="can't undo 2: it put nothing in the place of anything else"):
        taking_back([one, again], 2, running)
    assert replay(running, taking_back([one, again], 1, running)[1]).config == RUNNING.config


def test_what_the_file_changed_since_is_not_undone() -> None:
    one, running = changed(1, RUNNING, HostWeight("web", "main", "a", 2.0))
    other, _ = amend(running, HostWeight("web", "main", "a", 9.0), ANN, 1.0)
    with pytest.raises(RefusedError, match="the config file has changed the same"):
        taking_back([one], 1, other)


def test_an_unknown_number_is_told() -> None:
    with pytest.raises(UsageError, match="unknown change 5; there is none"):
        taking_back([], 5, RUNNING)


def test_a_flipped_bit_costs_the_record_that_has_it() -> None:
    one, running = changed(1, RUNNING, HostDown("web", "main", "a"))
    two, _ = changed(2, running, GroupAdd("web", replace(RUNNING.config.services[0].groups[0], name="x")))
    data = bytearray(line(one) + line(two))
    assert read(bytes(data)) == ([one, two], len(data), 0)
    data[len(line(one)) + 40] ^= 1
    assert read(bytes(data)) == ([one], len(line(one)), 0)
    three, _ = changed(3, running, HostWeight("web", "main", "b", 2.0))
    data += line(three)
    assert read(bytes(data)) == ([one, three], len(data), 1)


@pytest.mark.parametrize("body", [b'["foretold",{"at":1.0}]', b'["changed",{"number":"x"}]', b"{}", b"7"])
def test_a_record_of_another_version_stays_and_is_left_out(body: bytes) -> None:
    one, _ = changed(1, RUNNING, HostDown("web", "main", "a"))
    data = line(one) + b"%08x %b\n" % (zlib.crc32(body), body)
    assert read(data) == ([one], len(data), 1)
    assert read(data + line(one)) == ([one, one], len(data + line(one)), 1)


def test_order_is_no_change_of_its_own() -> None:
    assert all(not is_order(edit) for edit in changed(1, RUNNING, HostDown("web", "main", "a"))[0].edits)
