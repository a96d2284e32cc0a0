"""What a config needs of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from director.config.model import Admin, Config, Control, Endpoint, Listen, Logging, Service
from director.master.checker import check_now
from director.master.needs import Fault, Needs

ADMIN = Admin(listen=Endpoint("127.0.0.1", 7001))


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that workers may enter, too."""
    with tempfile.TemporaryDirectory(prefix="needs-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def listening(listen: Listen) -> Config:
    return Config(services=(Service(name="web", listens=(listen,)),))


def faults(config: Config, folder: Path) -> list[str]:
    return [message for _, _, message, _ in found(config, folder)]


def found(config: Config, folder: Path) -> list[Fault]:
    return list(Needs("/no/run", str(folder), lambda admin, files: ()).look(config, lambda: None))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Config(controls=(Control(group="no-such"),)), "can't give rights to group 'no-such': there is no such group"),
        (Config(controls=(Control(socket="/no-such/s"),)), "can't open control socket /no-such/s: No such file"),
        (listening(Listen(ip=Endpoint(path="/tmp/s"), owner="no-such")), "can't give unix:/tmp/s to user 'no-such'"),
        (listening(Listen(ip=Endpoint(path="/tmp/s"), group="no-such")), "can't give unix:/tmp/s to group 'no-such'"),
        (listening(Listen(ip=Endpoint(path="/no-such/s"))), "can't listen on unix:/no-such/s: No such file"),
        (Config(logging=Logging(file="/no-such/log")), "can't open log file /no-such/log: No such file or directory"),
        (Config(logging=Logging(file="syslog:no-such.invalid:514")), "can't open log to no-such.invalid: "),
        (Config(logging=Logging(connections="/tmp")), "can't open log file /tmp: Is a directory"),
        (Config(admins=(replace(ADMIN, users_file="/no-such"),)), "can't open /no-such: No such file or directory"),
        (Config(admins=(replace(ADMIN, secure=True, cert="/no-such"),)), "can't open /no-such: No such file"),
    ],
)
def test_what_is_missing_is_said_and_what_would_be_right(config: Config, message: str, tmp_path: Path) -> None:
    _, _, said, remedy = found(config, tmp_path)[0]
    assert said.startswith(message)
    assert remedy.startswith(("write ", "make "))


def test_a_remedy_stands_behind_its_problem(tmp_path: Path) -> None:
    text = '<director>\n<control group="no-such"/>\n</director>'
    checked = check_now(text.encode(), "/c.xml", Needs("/no/run", str(tmp_path), lambda admin, files: ()))
    remedy = "write the name or number of a group that there is"
    assert (
        str(checked.problems[-1]) == f"/c.xml:2: can't give rights to group 'no-such': there is no such group; {remedy}"
    )


def test_an_unknown_owner_and_an_unknown_group_of_a_socket_are_both_told(tmp_path: Path) -> None:
    listen = Listen(ip=Endpoint(path=str(tmp_path / "s")), owner="no-such", group="no-such")
    both = [f"can't give {listen.ip} to {what} 'no-such': there is no such {what}" for what in ("user", "group")]
    assert faults(listening(listen), tmp_path) == both


def test_an_unknown_user_and_an_unknown_group_are_both_told(tmp_path: Path) -> None:
    both = [
        "can't run workers as user 'no-such-user': there is no such account",
        "can't run workers as group 'no-such-group': there is no such group",
    ]
    # Who is not root can't become anybody else, and is not asked to.
    assert faults(Config(user="no-such-user", group="no-such-group"), tmp_path) == (both if os.geteuid() == 0 else [])


def test_what_is_there_or_will_be_made_is_no_fault_and_nothing_is_made_by_looking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    logging = Logging(file=str(tmp_path / "log"), connections=str(tmp_path / "fifo"))
    socket = Listen(ip=Endpoint(path=str(tmp_path / "s")), owner=str(os.getuid()), group="54321")
    config = replace(listening(socket), logging=logging, admins=(replace(ADMIN, secure=True),))
    assert not faults(config, tmp_path)
    assert not faults(Config(logging=Logging(file="syslog", connections="stderr")), tmp_path)
    assert os.listdir(tmp_path) == ["fifo"]


def test_contents_are_judged_without_rights_and_told_with_their_line(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("secret")
    users.chmod(0o600)

    def judge(admin: Admin, files: Mapping[str, int]) -> Iterable[str]:
        yield f"uid {os.geteuid()} reads {os.read(files[str(users)], 6).decode()}"

    text = f'<director>\n<admin listen="127.0.0.1:7001" users="{users}"/>\n</director>'
    checked = check_now(text.encode(), str(tmp_path / "c.xml"), Needs("/no/run", str(tmp_path), judge))
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    assert checked.config is None
    assert str(checked.problems[-1]) == f"{tmp_path}/c.xml:2: uid {uid} reads secret"


def test_what_is_missing_is_told_with_the_line_of_its_element(tmp_path: Path) -> None:
    text = """<director>
      <!-- users.yaml and key were there -->
      <service name="web"><listen ip="127.0.0.1:7004"/><listen ip="unix:no-such/key"/>
        <group name="key"><host name="users.yaml" ip="127.0.0.1:7003"/></group>
      </service>
      <admin listen="127.0.0.1:7001"
             users="users.yaml"/>
      <admin listen="127.0.0.1:7002" secure="yes" cert="no-such" key="key">
        <user name="a" password="iy9l0V1MkG1DE"/>
      </admin>
      <control group="no-such"/>
    </director>"""
    checked = check_now(
        text.encode(), str(tmp_path / "c.xml"), Needs("/no/run", str(tmp_path), lambda admin, files: ())
    )
    lines = [problem.line for problem in checked.problems if "can't" in problem.message]
    assert lines == [11, 3, 6, 8, 8], checked.problems


def test_what_checks_and_calls_want_is_only_a_warning_since_it_may_come(public: Path) -> None:
    (public / "plain.sh").touch(mode=0o644)
    (public / "empty.pem").touch()
    text = """<director>
      <service name="web" source="192.0.2.7"><listen ip="127.0.0.1:7004"/>
        <group name="main">
          <check type="script" command="no-such.sh"/>
          <host name="a" ip="127.0.0.1:7003"><check type="script" command="plain.sh"/></host>
          <host name="b" ip="127.0.0.1:7003"><check type="tls" ca="no-such.pem"/></host>
          <host name="c" ip="127.0.0.1:7003"><check type="https" ca="empty.pem"/></host>
          <host name="d" ip="127.0.0.1:7003" source="2001:db8::7"/>
          <host name="e" ip="127.0.0.1:7003" source="127.0.0.1"><check type="script" command="/bin/true"/></host>
        </group>
      </service>
    </director>"""
    checked = check_now(text.encode(), str(public / "c.xml"), Needs("/no/run", str(public), lambda admin, files: ()))
    assert checked.config is not None
    assert [str(problem).removeprefix(f"{public}/c.xml:").partition(";")[0] for problem in checked.problems] == [
        "2: warning: can't call from 192.0.2.7: not ours, or of another family",
        f"4: warning: can't run {public}/no-such.sh: No such file or directory",
        f"5: warning: can't run {public}/plain.sh: Permission denied",
        f"6: warning: can't use {public}/no-such.pem: No such file or directory",
        f"7: warning: can't use {public}/empty.pem: no certificate or crl found",
        "8: warning: can't call from 2001:db8::7: not ours, or of another family",
    ]


def test_what_is_to_lie_in_the_run_dir_needs_none_yet(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    config = Config(
        controls=(Control(socket=f"{run_dir}/control.sock"),),
        logging=Logging(file=f"{run_dir}/log"),
        services=(Service(name="web", listens=(Listen(ip=Endpoint(path=f"{run_dir}/web.sock")),)),),
    )
    needs = Needs(str(run_dir), str(tmp_path), lambda admin, files: ())
    assert list(needs.look(config, lambda: None)) == []
    run_dir.symlink_to(tmp_path / "gone")  # nobody makes what a link to nowhere leads to
    assert len(list(needs.look(config, lambda: None))) == 3
