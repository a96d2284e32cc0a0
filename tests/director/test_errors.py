"""Exit codes and messages that scripts and people rely on."""

from __future__ import annotations

from director.errors import (
    ConfigError,
    Exit,
    Problem,
    RefusedError,
    Severity,
    UnreachableError,
    cause,
    raised_at,
    refusal,
)


def test_a_problem_reads_as_compilers_write_it() -> None:
    assert str(Problem(Severity.ERROR, "c.xml", 3, "wrong", "be right")) == "c.xml:3: wrong; be right"
    assert str(Problem(Severity.WARNING, "c.xml", 0, "odd")) == "c.xml:0: warning: odd"


def test_every_error_has_its_exit_status() -> None:
    problem = Problem(Severity.ERROR, "c.xml", 3, "wrong")
    assert ConfigError([problem]).exit == Exit.BAD_CONFIG
    assert UnreachableError("x").exit == Exit.NOT_RUNNING
    assert RefusedError("x").exit == Exit.FAILED
    assert [int(one) for one in (Exit.BAD_CONFIG, Exit.NOT_RUNNING, Exit.FAILED)] == [78, 7, 1]
    assert str(ConfigError([problem, problem])).count("\n") == 1


def test_want_of_rights_has_an_exit_status_of_its_own() -> None:
    assert [refusal("can't", OSError(number, "")).exit for number in (13, 1, 28)] == [4, 4, 1]


def test_what_the_kernel_said_is_told_with_its_file() -> None:
    assert cause(FileNotFoundError(2, "No such file or directory", "/x")) == "No such file or directory: /x"
    assert cause(OSError(28, "No space left on device")) == "No space left on device"
    assert cause(OSError("odd")) == "odd"


def test_where_an_error_was_raised_is_told_by_file_and_line() -> None:
    try:
        int("x" * 3)
    except ValueError as error:
        assert raised_at(error).startswith(f"{__file__}:")
    assert raised_at(ValueError()) == "?"
