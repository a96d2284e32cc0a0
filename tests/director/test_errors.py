"""Exit codes and messages that scripts and people rely on."""

from __future__ import annotations

from director.errors import ConfigError, Exit, Problem, RefusedError, Severity, UnreachableError


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
