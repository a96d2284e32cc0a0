"""Whose time was it? What the kernel says of a process, and how much of a while the process had to itself.

Who has had time and says nothing hangs; who was stopped, waits for a disk, or
gets no processor on a machine that is too small, suspended or busy, does not.
Pure: `director.master.system` looks.
"""

from __future__ import annotations

from dataclasses import dataclass

ENOUGH = 4.0  # who gets one part in so many of the processor time that it could use has all it needs for a sign of life
STOPPED = ("T", "t", "D")  # by a signal, by a debugger, in the kernel


@dataclass(frozen=True, slots=True)
class Vitals:
    """The kernel's letter for what a process does; how long it has run, and stood ready to run in vain, in seconds."""

    letter: str
    ran: float = 0.0
    waited: float = 0.0

    @property
    def dead(self) -> bool:
        """Whether it has ended, reaped or not."""
        return self.letter in ("Z", "")


def own_time(seconds: float, before: Vitals | None, now: Vitals) -> float:
    """Of so many seconds between two looks, those in which it ran, or slept of its own will. None: the first look."""
    if now.letter in STOPPED:
        return 0.0
    if before is None:
        return seconds
    ran, waited = now.ran - before.ran, now.waited - before.waited
    if before.letter == now.letter == "R":
        waited = seconds - ran  # of a wait that goes on, the kernel tells nothing
    return min(seconds, max(0.0, seconds - ran - waited) + ENOUGH * ran)
