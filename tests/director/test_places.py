"""Where files lie: given, by environment, by who one is."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from director.errors import RefusedError
from director.places import Places, config_file, make_run_dir, pid_file, run_dir, state_dir


def test_what_is_given_wins() -> None:
    assert run_dir("/x", {"XDG_RUNTIME_DIR": "/run/user/5"}, 5) == "/x"
    assert state_dir("/y", {}, 5) == "/y"
    assert config_file("/c.xml", {"DIRECTOR_CONFIG": "/d.xml"}) == "/c.xml"
    assert pid_file("/p", "/x") == "/p"


def test_root_has_the_places_of_the_system() -> None:
    assert run_dir(None, {"XDG_RUNTIME_DIR": "/run/user/0"}, 0) == "/run/director"
    assert state_dir(None, {}, 0) == "/var/lib/director"
    assert config_file(None, {}) == "/etc/director/config.xml"


def test_a_user_has_places_of_his_own(tmp_path: Path) -> None:
    assert run_dir(None, {"XDG_RUNTIME_DIR": "/run/user/5"}, 5) == "/run/user/5/director"
    assert run_dir(None, {}, 5, tmp=str(tmp_path)) == str(tmp_path / "director-5")
    assert state_dir(None, {"HOME": "/home/u"}, 5) == "/home/u/.local/state/director"
    with pytest.raises(RefusedError, match="--state-dir"):
        state_dir(None, {}, 4294967290)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "there"}])
def test_who_has_no_home_in_his_environment_has_that_of_his_account(environ: dict[str, str]) -> None:
    account = next(one for one in pwd.getpwall() if one.pw_uid and one.pw_dir.startswith("/"))
    assert state_dir(None, environ, account.pw_uid) == f"{account.pw_dir}/.local/state/director"


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    trap = tmp_path / f"director-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(RefusedError, match="others may write"):
        run_dir(None, {}, os.getuid() or 5, tmp=str(tmp_path)) if os.getuid() else make_run_dir(str(trap), 0)


def test_a_run_dir_is_made_private_where_everyone_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    make_run_dir(str(tmp_path / "a"), os.getuid())
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    tmp_path.chmod(0o755)
    make_run_dir(str(tmp_path / "b"), os.getuid())
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o755


def test_a_path_that_was_typed_where_nothing_is_any_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(RefusedError, match=r"can't find c\.xml: the folder that it was typed in is gone"):
        config_file("c.xml", {})
    assert config_file("/c.xml", {}) == "/c.xml"


def test_the_rest_lies_in_the_run_dir() -> None:
    places = Places("/r", "/s", None, "/r/directord.pid")
    assert (places.control, places.lock, places.journal) == ("/r/control.sock", "/r/directord.lock", "/s/journal")
