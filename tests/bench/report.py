"""What a run found: the table, the JSON document, the section of docs/performance.md.

Every cell is a median over rounds, with half the distance between the
quartiles behind ±. The ratio is director's to HAProxy's of the same round,
its median with the interval that holds it; of HAProxy with and without splice
the better one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.table import Table

from tests.bench.estimates import Interval, median, median_interval, paired_ratio, spread
from tests.bench.peers import Direct, Director, Haproxy, HaproxySplice
from tests.bench.samples import Figure, Results
from tests.bench.syscalls import Calls

_NONE = "-"


class Verdict(StrEnum):
    """How a figure stands to its bounds."""

    AIM = "aim met"
    MUST = "must met"
    UNCLEAR = "unclear"  # the median is beyond the bound, but not the whole interval
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one peer showed: medians over its rounds. `at_least`: the load generator was the limit."""

    value: float
    spread: float
    others: float
    at_least: bool
    rounds: int


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all peers. `ratio` is what the bounds are about: to HAProxy, or the figure itself."""

    figure: Figure
    cells: Mapping[str, Cell]
    reference: str | None
    ratio: Interval | None
    verdict: Verdict | None


def rows(results: Results, figures: Iterable[Figure]) -> list[Row]:
    """A row for each figure that was measured."""
    return [_row(results, figure) for figure in figures if figure.key in results.samples]


def judge(figure: Figure, ratio: Interval) -> Verdict | None:
    """Hold an interval against the figure's bounds; None when it has none."""
    if figure.must is None or figure.aim is None:
        return None
    sign = -1 if figure.more_is_better else 1
    if sign * ratio.median <= sign * figure.aim:
        return Verdict.AIM
    if sign * ratio.median <= sign * figure.must:
        return Verdict.MUST
    nearest = ratio.high if figure.more_is_better else ratio.low
    # One sample has no interval.
    return Verdict.MISSED if sign * nearest > sign * figure.must and ratio.confidence else Verdict.UNCLEAR


def table(found: Sequence[Row], peers: Sequence[str]) -> Table:
    """For the terminal."""
    drawn = Table(title="director and its peers", title_justify="left", padding=(0, 1), box=None, header_style="bold")
    header, *lines = _lines(found, peers)
    for title in header:
        drawn.add_column(title, justify="left" if title in ("figure", "verdict") else "right", no_wrap=True)
    for line in lines:
        drawn.add_row(*line)
    return drawn


def calls_table(calls: Mapping[str, Mapping[str, Calls]]) -> Table:
    """System calls per short connection, peer by peer."""
    drawn = Table(title="system calls per short connection", title_justify="left", padding=(0, 1), box=None)
    header, *lines = _call_lines(calls)
    for title in header:
        drawn.add_column(title, justify="left" if title == "system call" else "right")
    for line in lines:
        drawn.add_row(*line)
    return drawn


def document(
    found: Sequence[Row],
    results: Results,
    facts: Mapping[str, Any],
    calls: Mapping[str, Mapping[str, Calls]],
) -> dict[str, Any]:
    """For programs: everything, each sample included."""
    return {
        **facts,
        "figures": [
            {
                **asdict(row.figure),
                "peers": {
                    peer: {
                        **asdict(cell),
                        "samples": {
                            str(number): asdict(sample)
                            for number, sample in sorted(results.samples[row.figure.key][peer].items())
                        },
                    }
                    for peer, cell in row.cells.items()
                },
                "reference": row.reference,
                "ratio": row.ratio and asdict(row.ratio),
                "verdict": row.verdict,
            }
            for row in found
        ],
        "calls": {peer: {name: asdict(each) for name, each in of.items()} for peer, of in calls.items()},
        "notes": results.notes,
    }


def markdown(
    found: Sequence[Row],
    results: Results,
    facts: Mapping[str, Any],
    calls: Mapping[str, Mapping[str, Calls]],
    peers: Sequence[str],
) -> str:
    """For docs/performance.md: when, on what, with which versions, and the tables."""
    lines = [f"Measured {facts['date']}, {facts['rounds']} rounds, in {facts['minutes']:.0f} minutes, on:", ""]
    lines += [f"- {name}: {value}" for name, value in facts["machine"].items()]
    lines += [f"- {version}" for version in facts["versions"].values()]
    if found:
        lines += ["", *_grid(_lines(found, peers))]
    if calls:
        lines += ["", "System calls of the workers per short connection:", "", *_grid(_call_lines(calls))]
    lines += ["", *(f"- {note}" for note in results.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _row(results: Results, figure: Figure) -> Row:
    by_peer = results.samples[figure.key]
    cells = {}
    for peer, samples in by_peer.items():
        values = [sample.value for sample in samples.values()]
        others = [sample.others for sample in samples.values() if sample.others is not None]
        bound = sum(sample.bound_by_load for sample in samples.values()) * 2 > len(values)
        cells[peer] = Cell(median(values), spread(values), median(others) if others else 0.0, bound, len(values))
    ours = results.values(figure.key, Director.name)
    reference = None
    ratio = None
    if not figure.relative:
        ratio = median_interval(list(ours.values())) if ours else None
    elif reference := _reference(figure, cells):
        ratio = paired_ratio(ours, results.values(figure.key, reference))
    return Row(figure, cells, reference, ratio, judge(figure, ratio) if ratio else None)


def _reference(figure: Figure, cells: Mapping[str, Cell]) -> str | None:
    """HAProxy with or without splice, whichever does better."""
    able = [peer for peer in (Haproxy.name, HaproxySplice.name) if peer in cells]
    choose = max if figure.more_is_better else min
    return choose(able, key=lambda peer: cells[peer].value) if able else None


def _lines(found: Sequence[Row], peers: Sequence[str]) -> list[list[str]]:
    """Header and rows as text, for the terminal and for Markdown."""
    shown = [peer for peer in (*peers, Direct.name) if any(peer in row.cells for row in found)]
    others = any(row.cells[Director.name].others for row in found if Director.name in row.cells)
    ahead = [peer for peer in shown if peer == Director.name]
    behind = [peer for peer in shown if peer != Director.name]
    ratios = any(row.ratio for row in found)
    header = ["figure", *ahead, *(["its others"] if others else []), *(["ratio", "95 %", "verdict"] if ratios else [])]
    lines = [[*header, *behind]]
    for row in found:
        unit = f", {row.figure.unit}" if row.figure.unit else ""
        line = [f"{row.figure.title}{unit}", *(_cell(row, peer) for peer in ahead)]
        if others:
            line.append(_others(row))
        if ratios:
            line += _ratio(row)
        lines.append([*line, *(_cell(row, peer) for peer in behind)])
    return lines


def _cell(row: Row, peer: str) -> str:
    cell = row.cells.get(peer)
    if cell is None:
        return _NONE
    digits = row.figure.digits
    return f"{'≥ ' if cell.at_least else ''}{cell.value:,.{digits}f} ± {cell.spread:,.{digits}f}"


def _others(row: Row) -> str:
    cell = row.cells.get(Director.name)
    return f"{cell.others:,.{row.figure.digits}f}" if cell and cell.others else _NONE


def _ratio(row: Row) -> list[str]:
    if row.ratio is None:
        return [_NONE, _NONE, ""]
    ours = row.cells[Director.name]
    middle = f"{'≥ ' if ours.at_least else ''}{row.ratio.median:.3f}"
    confidence = "" if row.ratio.confidence >= 0.95 else f" ({row.ratio.confidence:.0%})"
    return [middle, f"{row.ratio.low:.3f} … {row.ratio.high:.3f}{confidence}", _verdict(row)]


def _verdict(row: Row) -> str:
    if row.verdict is None:
        return ""
    sign = "≥" if row.figure.more_is_better else "≤"
    return f"{row.verdict} ({sign} {row.figure.must:g}, {row.figure.aim:g})"


def _call_lines(calls: Mapping[str, Mapping[str, Calls]]) -> list[list[str]]:
    names = {name: None for of in calls.values() for name, each in of.items() if each.each >= 0.005}
    lines = [["system call", *calls]]
    for name in names:
        line = [name]
        for of in calls.values():
            each = of.get(name)
            failed = f" ({each.failed:.2f} failed)" if each and each.failed >= 0.005 else ""
            line.append(f"{each.each:.2f}{failed}" if each else _NONE)
        lines.append(line)
    lines.append(["all", *(f"{sum(each.each for each in of.values()):.2f}" for of in calls.values())])
    return lines


def _grid(lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, its first column to the left."""
    header, *body = lines
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(line)} |" for line in (header, rule, *body)]
