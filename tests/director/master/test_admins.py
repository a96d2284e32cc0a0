"""What web admins need of the master. Handing it over is seen in tests/system/test_web.py."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from director.config.model import Admin, Config, Endpoint
from director.demo import free_ports
from director.errors import SystemFailure
from director.master.admins import Admins
from director.master.family import make_supervisor
from director.messages import WEB_SLOT, AdminFiles, Admit
from tests.system.addresses import accepts


class Web:
    """A family of which web alone lives; remembers what web was told: the files, by content, and where to listen."""

    def __init__(self) -> None:
        self.children = {WEB_SLOT: self}
        self.supervisor = make_supervisor(0, 15.0, web=True)
        self.told: list[object] = []

    def tell(self, child: object, message: object, fds: Sequence[int] = ()) -> None:
        match message:
            case AdminFiles(paths):
                self.told.append(
                    {os.path.basename(path): os.pread(fd, 99, 0) for path, fd in zip(paths, fds, strict=True)}
                )
            case Admit():
                self.told.append("admit")


def config(port: int, users: str | None = None) -> Config:
    return Config(admins=(Admin(listen=Endpoint("127.0.0.1", port), users_file=users),))


def test_it_listens_for_the_admins_of_the_config_and_no_others(tmp_path: Path) -> None:
    admins, one, other = Admins(str(tmp_path)), *free_ports(0, 0)
    admins.open(config(one))
    assert accepts(f"127.0.0.1:{one}")
    admins.open(config(other))
    assert accepts(f"127.0.0.1:{other}") and not accepts(f"127.0.0.1:{one}")
    admins.close()
    assert not accepts(f"127.0.0.1:{other}")


def test_a_successor_may_have_its_elders_addresses_and_free_ones(tmp_path: Path) -> None:
    admins, one, other = Admins(str(tmp_path)), *free_ports(0, 0)
    admins.open(config(one))
    Admins.check_free(config(one), config(one))
    Admins.check_free(config(other), config(one))
    assert not accepts(f"127.0.0.1:{other}")
    with pytest.raises(SystemFailure, match=f"can't listen on 127.0.0.1:{one}: Address already in use"):
        Admins.check_free(config(one), config(other))
    admins.close()


def test_a_file_that_is_not_there_leaves_all_as_it_was(tmp_path: Path) -> None:
    admins, one, other = Admins(str(tmp_path)), *free_ports(0, 0)
    admins.open(config(one))
    with pytest.raises(SystemFailure, match="can't open"):
        admins.open(config(other, str(tmp_path / "none.yaml")))
    assert accepts(f"127.0.0.1:{one}") and not accepts(f"127.0.0.1:{other}")
    admins.close()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.yaml"
    path.write_text("good")
    return path


@pytest.fixture
def admins(tmp_path: Path, users: Path) -> Iterator[Admins]:
    admins = Admins(str(tmp_path))
    admins.open(config(free_ports(0)[0], str(users)))
    yield admins
    admins.close()


def test_a_new_web_begins_with_what_the_last_one_could_use(admins: Admins, users: Path) -> None:
    web = Web()
    admins.tell(web)  # type: ignore[arg-type]
    admins.used(1)
    users.write_text("bad, in place")
    admins.refresh(web, config(1), True, 10.0)  # type: ignore[arg-type]
    assert web.told == [{"users.yaml": b"good"}, "admit", {"users.yaml": b"bad, in place"}]
    again = Web()
    admins.tell(again)  # type: ignore[arg-type]
    assert again.told == web.told
    users.unlink()
    without = Web()
    admins.tell(without)  # type: ignore[arg-type]
    assert without.told == [{"users.yaml": b"good"}, "admit", {}]
    admins.used(admins._number)  # all of it, but not all there should be
    admins.tell(without)  # type: ignore[arg-type]
    assert without.told[3] == {"users.yaml": b"good"}


def test_who_may_write_a_file_is_told_with_its_copy(admins: Admins, users: Path) -> None:
    users.chmod(0o620)
    modes: list[int] = []

    class Looking(Web):
        def tell(self, child: object, message: object, fds: Sequence[int] = ()) -> None:
            if isinstance(message, AdminFiles):
                modes.extend(os.fstat(fd).st_mode & 0o777 for fd in fds)

    admins.tell(Looking())  # type: ignore[arg-type]
    assert modes == [0o620]


def test_what_is_wrong_is_said_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    admins, wanted = Admins(str(tmp_path)), config(free_ports(0)[0], str(tmp_path / "none.yaml"))
    for second in range(10, 20):
        admins.refresh(Web(), wanted, True, second)  # type: ignore[arg-type]
    assert capfd.readouterr().err.count("can't open") == 1


def test_addresses_that_the_elder_lets_go_of_in_a_moment_are_no_reason_to_complain(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    elder, successor, wanted = Admins(str(tmp_path)), Admins(str(tmp_path)), config(free_ports(0)[0])
    elder.open(wanted)
    for second in (10, 11):
        successor.refresh(Web(), wanted, True, second)  # type: ignore[arg-type]
    elder.close()
    successor.refresh(Web(), wanted, True, 12)  # type: ignore[arg-type]
    assert successor.listening
    assert capfd.readouterr().err == ""
    successor.close()
