"""Config texts at run time: the file read anew, a client's text applied, what runs written back.

A checker without rights reads every text (`checker`); one at a time, others wait
for their turn. A file is merged with what operators changed
(`director.config.merge`); a client's text becomes what runs, beside what is in
maintenance.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from director import logs
from director.backups import replace_file, try_to_replace
from director.config.edits import by_place, diff, find, renumbered
from director.config.merge import Merged, merge
from director.config.model import OWN_SCHEDULER, STICKY, Config
from director.config.numbering import assign
from director.config.plan import described
from director.config.veil import unveiled
from director.errors import ConfigError, DirectorError, Exit, RefusedError, Severity, SystemFailure
from director.events import Event
from director.master import checker
from director.master.needs import Needs
from director.master.records import Loaded, digest, since_load
from director.master.stage import Stage
from director.messages import ApplyConfig, Edit, Reload, Request, Running, SaveConfig
from director.printable import counted

if TYPE_CHECKING:
    from director.master.changing import Changing

_VERBS = {Reload: "reload", ApplyConfig: "apply the config", SaveConfig: "save what runs"}
_WAITING = 10  # texts; who asked for them has patience for 30 s, and each takes a second at the most


@dataclass
class _Job:
    """A text that a checker reads."""

    check: checker.Check
    request: Request | None
    tried: bool = False  # whether this machine has what it needs


class Loading:
    """Reads config texts for the master, and puts them in force."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing
        self._job: _Job | None = None
        self._waiting: deque[Request | None] = deque()

    # -- the checker --------------------------------------------------------------------

    def hup(self) -> None:
        """Asked by signal to reload."""
        logs.info(Event.SIGNAL_RECEIVED, signal="HUP")
        self._reread()

    def _reread(self) -> None:
        try:
            self.begin(None)
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)
            self._tell_manager(None, str(error))

    def begin(self, request: Request | None) -> None:
        """Have a text checked, in turn; what it is for happens then. Without a request: reload. Raises RefusedError."""
        master = self._changing.master
        order = Reload() if request is None else request.order
        if master.stage is not Stage.SERVING:
            raise SystemFailure(f"can't {_VERBS[type(order)]}: the daemon is {master.stage.value}")
        if self._job is not None:
            self._wait(request)
            return
        folder = None
        if isinstance(order, ApplyConfig):
            text, name = order.text, order.name
            if not os.path.isabs(name):  # it was typed, mostly over what the config file says
                folder = os.path.dirname(os.path.abspath(master.places.config or "/"))
        else:
            name = self._file()
            text = order.text if isinstance(order, SaveConfig) else checker.read_file(name)
        check = checker.begin(master.system, text, name, folder)
        self._job = _Job(check, request, tried=isinstance(order, ApplyConfig | SaveConfig))
        master.loop.watch(check.fd, self._read)

    def _wait(self, request: Request | None) -> None:
        if request is None and None in self._waiting:
            return  # that one will read the file as it is then
        if len(self._waiting) >= _WAITING:
            raise RefusedError(
                f"can't look at a config: {_WAITING} others wait to be looked at; try again when they are through"
            )
        self._waiting.append(request)

    def _next(self) -> None:
        while self._waiting and self._job is None:
            request = self._waiting.popleft()
            if request is None:
                self._reread()
            else:
                self._changing.request(request)

    def _file(self) -> str:
        path = self._changing.master.places.config
        if path is None:
            raise SystemFailure("can't read the config file: this daemon runs without one; see config-running")
        return path

    def tick(self, now: float) -> None:
        """Several times a second: a checker has its time."""
        if self._job is not None:
            self._job.check.tick(now)
            if self._job.check.result is not None:
                self._checked()

    def stranger(self, pid: int, status: int) -> None:
        """A process that is no child of the family died: perhaps the checker."""
        if self._job is not None and self._job.check.pid == pid:
            self._job.check.status = status
            self._read()

    def _read(self) -> None:
        if self._job is not None and self._job.check.collect():
            self._checked()

    def _checked(self) -> None:
        assert self._job is not None
        job, self._job = self._job, None
        self._changing.master.loop.forget(job.check.fd)
        job.check.end()
        result = job.check.result
        assert result is not None
        if result.config is not None and not job.tried:
            self._try(job)
            return
        answer = self._changing.answer
        try:
            if result.config is None:
                raise ConfigError(result.problems)
            for problem in result.problems:
                logs.warning(Event.CONFIG_WARNING, problem=problem)
            self._use(job, result.config)
            self._tell_manager(job.request)
        except ConfigError as error:
            for problem in error.problems:
                if problem.severity is Severity.ERROR:
                    logs.error(Event.CONFIG_REJECTED, problem=problem)
            answer(job.request, Exit.BAD_CONFIG, (), problems=error.problems)
            self._tell_manager(job.request, next(str(one) for one in error.problems if one.severity is Severity.ERROR))
        except DirectorError as error:
            logs.error(Event.CONFIG_REJECTED, reason=error)
            answer(job.request, error.exit, (str(error),))
            self._tell_manager(job.request, str(error))
        self._next()

    def _try(self, job: _Job) -> None:
        """The text is good: has this machine what it needs?"""
        master = self._changing.master
        needs, loaded = (
            Needs(master.places.run_dir, master.places.state_dir, master.roles.judge),
            master.running.config.own_schedulers,
        )
        check = checker.begin_trial(master.system, job.check, needs, loaded)
        self._job = _Job(check, job.request, tried=True)
        master.loop.watch(check.fd, self._read)

    def _tell_manager(self, request: Request | None, failure: str = "") -> None:
        """Of a reload, which the manager of services has no other way to learn of than by a line."""
        if request is None or (isinstance(request.order, Reload) and not request.dry_run):
            self._changing.master.tell_status(f"reload failed: {failure}" if failure else "")

    def _use(self, job: _Job, config: Config) -> None:
        match job.request:
            case Request(order=ApplyConfig() as order) as request:
                self._apply(job, request, order, config)
            case Request(order=SaveConfig(over=over), dry_run=dry_run):
                self._save(job, config, over, dry_run)
            case _:
                self._reload(job, config)

    # -- what for ------------------------------------------------------------------------

    def _reload(self, job: _Job, now: Config) -> None:
        """Run by what the file says now. Raises before anything has changed, or not at all."""
        changing, master, request = self._changing, self._changing.master, job.request
        before = master.running
        plan_id = self._plan_id(job)
        config, last = assign(now, before.config, master.last_number)
        merged = merge(master.loaded, Running(before.version, config), before)
        plan = described(before, merged.running)
        if request is not None and request.dry_run:
            data = changing.planned(plan, plan_id) | self._three_ways(now, merged)
            changing.answer(request, Exit.DONE, tuple(step.text for step in plan), steps=len(plan), data=data)
            return
        if restart := [step.text for step in plan if step.restart]:
            raise SystemFailure("needs restart, nothing was changed: " + "; ".join(restart))
        stays = (f"{counted(merged.kept, 'run-time change')} in force",) if merged.kept else ()
        edits = diff(before, merged.running)
        opened = master.openings.open_new(merged.running.config)
        try:
            self._remember(job.check.text, merged.stays)
        except DirectorError:
            master.openings.forget(opened)
            raise
        master.loaded, master.last_number = now, last
        for conflict in merged.conflicts:
            logs.warning(Event.CHANGE_OVERRULED, change=conflict)
        by = {} if request is None else {"by": request.actor.name}
        for step in plan:
            logs.info(Event.CONFIG_APPLIED, version=before.version + 1, step=step.text, **by)
        steps = tuple(step.text for step in plan) or ("nothing to change",)
        outcome = (*merged.conflicts, *steps, *stays)
        changing.loaded(request, merged.running, edits, opened, outcome, len(plan))

    def _apply(self, job: _Job, request: Request, order: ApplyConfig, config: Config) -> None:
        """Run what a client's text says."""
        changing, before = self._changing, self._changing.master.running
        config = unveiled(config, before.config)
        _refuse_code(config, before.config)
        _refuse_files(config, before.config)
        plan_id = self._plan_id(job)
        config = replace(config, own_schedulers=before.config.own_schedulers)
        after, _ = renumbered(Running(before.version, config), before.config, changing.master.last_number)
        hosts = ((find(after.config, place), down) for place, down in by_place(before).items())
        admin = {host.number: down for host, down in hosts if host is not None}
        after = replace(after, admin=admin, drains=before.drains)
        after = changing.guarded(request, after, f"apply {order.name}", order.open, order.out)
        said = f"{order.name} is applied" if after != before else f"what {order.name} says runs already"
        changing.commit(request, after, said, plan_id=plan_id)

    def _save(self, job: _Job, config: Config, over: str, dry_run: bool) -> None:
        """Make the config file say what runs, if it still says what the text was made of."""
        changing, master = self._changing, self._changing.master
        config = replace(config, own_schedulers=master.running.config.own_schedulers)
        if config != master.running.config:
            raise RefusedError(
                "can't save the config: what runs has changed meanwhile, or the text says something else"
            )
        path = self._file()
        before = checker.read_file(path)
        if digest(before) != over:
            raise RefusedError(f"can't save the config: {path} was edited at this moment; look at it and try again")
        said_already = job.check.text == before
        try:
            if dry_run:
                try_to_replace(path)
                step = "nothing to change" if said_already else f"write what runs to {path}"
                self._changing.answer(job.request, Exit.DONE, (step,))
                return
            backup = "" if said_already else replace_file(path, job.check.text)
        except OSError as error:
            raise SystemFailure(f"can't write {path}: {error.strerror}; nothing was changed") from None
        flags = tuple(edit for edit in diff(replace(master.running, admin={}), master.running))
        self._remember(job.check.text, flags)
        master.loaded = config
        master.tell_weights()
        logs.info(Event.CONFIG_SAVED, path=path, backup=backup or "none")
        said = f"{path} says what runs" + (f"; what it said is in {backup}" if backup else " already")
        changing.answer(job.request, Exit.DONE, (said,), data={"file": path, "backup": backup or None})

    # -- plans -----------------------------------------------------------------------------

    def _plan_id(self, job: _Job) -> str:
        """The name of the plan for this text, in the state of this moment. Raises RefusedError if another is wanted."""
        version = self._changing.master.running.version
        plan_id = f"{version}-{digest(job.check.text)[:10]}"
        wanted = "" if job.request is None else getattr(job.request.order, "plan", "")
        if wanted and wanted != plan_id:
            moved = wanted.partition("-")[0] != str(version)
            cause = "what runs has changed since it was made" if moved else "the config is another"
            raise RefusedError(f"can't apply plan {wanted}: {cause}; config-diff makes a new one")
        return plan_id

    def _three_ways(self, now: Config, merged: Merged) -> dict[str, Any]:
        master = self._changing.master
        base = Running(0, master.loaded)
        return {
            "file": [step.text for step in described(base, Running(0, now))],
            "running": [step.text for step in described(base, master.running)],
            "conflicts": list(merged.conflicts),
            "stays": merged.kept,
        }

    def texts(self) -> dict[str, Any]:
        """The config file at this moment, and as it was loaded. Raises SystemFailure."""
        name = self._file()
        text = checker.read_file(name)
        last, _ = since_load(self._changing.master.journal.records)
        loaded = text if last is None else last.raw
        return {"name": name, "text": text, "digest": digest(text), "loaded": loaded}

    def _remember(self, text: bytes, stays: tuple[Edit, ...]) -> None:
        master = self._changing.master
        master.journal.append(Loaded.of(master.system.wall(), master.places.config or "", text, stays))


def _refuse_code(config: Config, running: Config) -> None:
    """Code is never named at run time: only the file, or an installed package, may."""
    for service in config.services:
        for group in service.groups:
            own = group.scheduler.removesuffix(STICKY)
            if own.startswith(OWN_SCHEDULER) and own not in running.own_schedulers:
                raise RefusedError(f"can't use scheduler {own}: only the config file may name code")
    known = {_scripts(check) for check in _checks(running)}
    for check in _checks(config):
        if check.command is not None and _scripts(check) not in known:
            raise RefusedError(f"can't check by script {check.command}: only the config file may name code")


def _refuse_files(config: Config, running: Config) -> None:
    """No client names a path to the daemon."""
    for what in ("logging", "admins", "controls"):
        if getattr(config, what) != getattr(running, what):
            raise RefusedError(f"can't change {what} by a client's config: only the config file may name files")


def _scripts(check: Any) -> tuple[Any, ...]:
    return check.command, check.args


def _checks(config: Config) -> list[Any]:
    groups = [group for service in config.services for group in service.groups]
    checks = [*(group.check for group in groups), *(host.check for group in groups for host in group.hosts)]
    return [check for check in checks if check is not None]
