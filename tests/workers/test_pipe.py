"""Pipes are borrowed, kept a few, and never given back dirty."""

from __future__ import annotations

import os

from tests.descriptors import descriptors
from workers.pipe import Pipes


def test_a_pipe_that_was_given_back_is_lent_again() -> None:
    pipes = Pipes()
    pipe = pipes.take()
    assert pipe is not None
    pipes.give(pipe)
    assert pipes.take() is pipe
    assert pipes.open == 1


def test_one_with_bytes_in_it_is_closed() -> None:
    before = descriptors()
    pipes = Pipes()
    pipe = pipes.take()
    assert pipe is not None
    os.write(pipe.write, b"x")
    pipe.held = 1
    pipes.give(pipe)
    assert pipes.open == 0
    assert descriptors() <= before


def test_slow_readers_do_not_take_all_descriptors() -> None:
    pipes = Pipes(most=2)
    lent = [pipe for _ in range(3) if (pipe := pipes.take()) is not None]
    assert len(lent) == 2
    for pipe in lent:
        pipes.give(pipe)
    assert pipes.take() is lent[-1]
    pipes.give(lent[-1])
    for _ in lent:
        pipes.sweep()


def test_only_a_few_are_kept_and_those_go_one_by_one() -> None:
    before = descriptors()
    pipes = Pipes()
    lent = [pipe for _ in range(40) if (pipe := pipes.take()) is not None]
    for pipe in lent:
        pipes.give(pipe)
    assert pipes.open == 16
    for _ in range(16):
        pipes.sweep()
    assert pipes.open == 0
    assert descriptors() <= before
