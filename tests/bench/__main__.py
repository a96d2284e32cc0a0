"""`python -m tests.bench`: choose, measure, report, and leave no process behind.

QUICK=1 in the environment takes three rounds and shorter windows: a look, not
a verdict. Nothing is installed; what is missing is named and left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.bench import measure, page, report, syscalls
from tests.bench.children import adopt_orphans, end_descendants
from tests.bench.peers import PEERS, Direct
from tests.bench.samples import Results
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.stage import Settings, Stage
from tests.bench.syscalls import Calls


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 something went wrong, 2 wrong arguments, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    quick = measure.QUICK
    chosen = [scenario for scenario in SCENARIOS if not arguments.only or scenario.name in arguments.only]
    versions = _versions(arguments.peers)
    settings = Settings(tuple(versions), arguments.rounds or (3 if quick else 7), quick)
    adopt_orphans()
    signal.signal(signal.SIGTERM, _interrupt)
    begin = time.monotonic()
    calls: dict[str, dict[str, Calls]] = {}
    status = 0
    results = Results()
    with tempfile.TemporaryDirectory(prefix="director-bench-", dir=_memory()) as folder:
        try:
            with Stage(settings, Path(folder), results) as stage:
                if not arguments.strace:
                    _measure(stage, chosen)
                if arguments.strace or arguments.write:
                    calls = _calls(stage)
        except KeyboardInterrupt:
            status = 130
        except (OSError, RuntimeError, TimeoutError) as error:
            _say(str(error))
            status = 1
        finally:
            end_descendants()
    facts = {
        "date": f"{datetime.date.today():%Y-%m-%d}",
        "machine": {**measure.machine(), "Python": platform.python_version()},
        "versions": versions,
        "rounds": settings.rounds,
        "quick": quick,
        "minutes": (time.monotonic() - begin) / 60,
    }
    _report(arguments, results, facts, calls, settings.peers)
    return status


def _measure(stage: Stage, chosen: Sequence[Scenario]) -> None:
    for scenario in chosen:
        begin = time.monotonic()
        scenario.run(stage)
        _say(f"{scenario.name}: {time.monotonic() - begin:.0f} s")


def _calls(stage: Stage) -> dict[str, dict[str, Calls]]:
    """Of every peer, its system calls per short connection."""
    if not syscalls.installed():
        stage.results.notes.append("strace was not found: system calls are not counted")
        return {}
    return {peer: syscalls.count(stage, peer) for peer in stage.settings.peers}


def _page(text: str) -> Path:
    """An argument type: a page with room for what is measured. Better to know now than in a quarter of an hour."""
    path = Path(text)
    try:
        page.parted(path)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def _report(
    arguments: argparse.Namespace,
    results: Results,
    facts: dict[str, object],
    calls: dict[str, dict[str, Calls]],
    peers: Sequence[str],
) -> None:
    found = report.rows(results, (figure for scenario in SCENARIOS for figure in scenario.figures))
    console = Console(width=None if sys.stdout.isatty() else 240)
    if found:
        console.print(report.table(found, peers))
    if calls:
        console.print(report.calls_table(calls))
    for note in results.notes:
        console.print(f"note: {note}", highlight=False)
    if arguments.json:
        text = json.dumps(report.document(found, results, facts, calls), indent=1)
        Path(arguments.json).write_text(text + "\n")
    if arguments.write:
        page.write(arguments.write, report.markdown(found, results, facts, calls, peers))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    peers = [peer for peer in PEERS if peer != Direct.name]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--peers", type=_Listed(peers), default=peers, metavar="A,B", help=", ".join(peers))
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="7; with QUICK=1 3; fewer than 6 give no 95 %% interval"
    )
    parser.add_argument("--strace", action="store_true", help="only count system calls per short connection")
    parser.add_argument("--json", metavar="FILE", help="write everything, each sample included")
    parser.add_argument(
        "--write", type=_page, metavar="PAGE", help="put what was measured between the marks of docs/performance.md"
    )
    return parser


class _Listed:
    """An argument type: names of `known`, separated by commas."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def __call__(self, text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in self._known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(self._known)}")
        return names


def _versions(peers: Sequence[str]) -> dict[str, str]:
    """Those of `peers` that are installed, with their versions; the others are named as missing."""
    found = {}
    for name in peers:
        version = PEERS[name].version()
        if version is None:
            _say(f"{name}: not found, left out")
        else:
            found[name] = version
    return found


def _memory() -> str | None:
    """A folder in memory, so that logs cost no disk; None: the usual one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
