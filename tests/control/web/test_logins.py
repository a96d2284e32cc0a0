"""Who is logged in, and who has failed too often."""

from __future__ import annotations

from control.web.logins import IDLE, LONGEST, MOST, PATIENCE, PAUSE, Failures, Logins


def test_a_login_lasts_while_it_is_used_but_not_for_ever() -> None:
    logins = Logins()
    logins.begin("token", "csrf", "ann", "hash", 0.0)
    assert logins.find("other", 1.0) is None
    now = 0.0
    while now + IDLE < LONGEST:
        now += IDLE
        assert logins.find("token", now) is not None
    assert logins.find("token", LONGEST + 1) is None
    logins.begin("token", "csrf", "ann", "hash", 0.0)
    assert logins.find("token", IDLE + 1) is None
    logins.begin("token", "csrf", "ann", "hash", 0.0)
    logins.end("token")
    assert logins.find("token", 1.0) is None


def test_the_oldest_logins_make_room() -> None:
    logins = Logins()
    for number in range(MOST + 1):
        logins.begin(str(number), "csrf", "ann", "hash", 0.0)
    assert logins.find("0", 1.0) is None
    assert logins.find(str(MOST), 1.0) is not None


def test_who_fails_too_often_must_wait_and_others_need_not() -> None:
    failures = Failures()
    for _ in range(PATIENCE):
        assert not failures.must_wait("fd00::1", 0.0)
        failures.failed("fd00::1", 0.0)
    assert failures.must_wait("fd00::2", 1.0)  # of the same network
    assert not failures.must_wait("fd00:0:0:1::1", 1.0)
    assert not failures.must_wait("10.0.0.1", 1.0)
    assert not failures.must_wait("fd00::1", PAUSE + 1)
    failures.succeeded("fd00::1")
    assert not failures.must_wait("fd00::1", 1.0)
