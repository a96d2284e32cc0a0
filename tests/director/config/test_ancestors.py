"""The files of Python Director and txLoadBalancer, as they stood on their users' disks."""

from __future__ import annotations

import pytest

from director.config.model import Config
from director.config.reader import read


def config_of(text: str) -> tuple[Config, str]:
    config, problems = read(text.encode(), "old.xml", "/")
    assert config is not None, problems
    return config, "\n".join(map(str, problems))


def service(group: str, root: str = "config", more: str = "") -> str:
    return f'<{root}><service name="s"><listen ip=":80"/>{group}</service>{more}</{root}>'


def test_hosts_without_a_name_are_called_by_their_place() -> None:
    config, _ = config_of(
        service('<group name="g" scheduler="random"><host ip="1.1.1.1:1"/><host ip="2.2.2.2:2"/></group>')
    )
    assert [host.name for host in config.services[0].groups[0].hosts] == ["host.0", "host.1"]


def test_an_empty_host_of_an_address_means_all() -> None:
    config, _ = config_of(service('<group name="g"><host ip="1.1.1.1:1"/></group>'))
    assert str(config.services[0].listens[0].ip) == "*:80"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("rand", "random"),
        ("roundr", "roundrobin"),
        ("leastc", "leastconnsrr"),
        ("weightr", "random"),
        ("weightlc", "leastconns"),
        ("lweighted", "leastconns"),
        ("sticky", "leastconns,sticky"),
    ],
)
def test_schedulers_have_the_names_they_had(theirs: str, ours: str) -> None:
    config, _ = config_of(service(f'<group name="g" scheduler="{theirs}"><host name="a" ip="1.1.1.1:1"/></group>'))
    assert config.services[0].groups[0].scheduler == ours


@pytest.mark.parametrize("word", ["true", "ON", "Yes", "enable", "1"])
def test_a_group_may_say_itself_that_it_is_enabled(word: str) -> None:
    host = '<host name="a" ip="1.1.1.1:1"/>'
    groups = f'<group name="g">{host}</group><group name="h" enable="{word}">{host}</group>'
    config, _ = config_of(service(groups))
    assert config.services[0].enabled == "h"


def test_a_misspelt_yes_is_off_and_told_of() -> None:
    host = '<host name="a" ip="1.1.1.1:1"/>'
    groups = f'<group name="g">{host}</group><group name="h" enable="tru">{host}</group>'
    config, warnings = config_of(service(groups))
    assert config.services[0].enabled == "g"
    assert "enable 'tru' of <group> is neither yes nor no: it is off" in warnings


def test_the_managers_host_check_is_the_checktime_only_if_it_was_on() -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    on, _ = config_of(service(group, more='<manager><hostCheck interval="10" enable="true"/></manager>'))
    off, _ = config_of(service(group, more='<manager><hostCheck interval="10"/></manager>'))
    assert (on.checktime, off.checktime) == (10.0, 120.0)


@pytest.mark.parametrize("order", [1, -1])
def test_a_checktime_is_taken_before_a_host_check_wherever_they_stand(order: int) -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    both = ('<checktime time="30"/>\n', '<manager><hostCheck interval="10" enable="true"/></manager>\n')[::order]
    config, problems = config_of(service(group, more="\n" + "".join(both)))
    ignored, counts = (3, 2)[::order]
    assert config.checktime == 30.0
    assert f":{ignored}: warning: <hostCheck> is ignored: <checktime> of line {counts} counts" in problems
    assert "another" not in problems
    same = service(group, more="".join(both).replace("30", "10"))
    assert not config_of(same)[1]


def test_of_several_host_checks_the_last_counts_and_one_without_an_interval_says_nothing() -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    managers = "".join(
        f'\n<manager><hostCheck {interval} enable="on"/></manager>'
        for interval in ('interval="10"', 'interval="20"', "")
    )
    config, problems = config_of(service(group, more=managers))
    assert config.checktime == 20.0
    assert ":2: warning: <hostCheck> is ignored: <hostCheck> of line 3 counts" in problems


def test_of_duplicates_the_last_wins_with_a_warning() -> None:
    groups = '<group name="g"><host name="a" ip="1.1.1.1:1"/><host name="a" ip="2.2.2.2:2"/></group>'
    config, problems = config_of(service(groups, root="pdconfig"))
    assert [str(host.ip) for host in config.services[0].groups[0].hosts] == ["2.2.2.2:2"]
    assert "'a'" in problems


def test_notes_are_comments_and_an_ssh_admin_is_ignored_with_a_warning() -> None:
    group = '<group name="g"><note>mine</note><host name="a" ip="1.1.1.1:1"/></group>'
    admin = (
        '<admin><web listen="*:7000" enable="true"/><ssh listen="localhost:2222" enable="true"/>'
        '<user name="u" password="..xpoEyRReGzk" access="full"/></admin>'
    )
    config, problems = config_of(service(group, more=admin))
    assert len(config.admins) == 1
    assert "ssh" in problems


def test_a_secure_admin_needs_no_server_pem_beside_it() -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    user = '<user name="u" password="abNANd1rDfiNc" access="full"/>'
    for cert, expected in (("", None), ('cert="server.pem"', "/server.pem")):
        admin = f'<admin listen="localhost:7001" secure="yes" {cert}>{user}</admin>'
        config, problems = config_of(service(group, "pdconfig", admin))
        assert (config.admins[0].secure, config.admins[0].cert) == (True, expected)
        assert ("server.pem" in problems) is not bool(cert)


@pytest.mark.parametrize("root", ["pdconfig", "config"])
def test_access_may_be_written_in_capitals(root: str) -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    users = "".join(
        f'<user name="{name}" password="..xpoEyRReGzk" access="{access}"/>'
        for name, access in (("u", "FULL"), ("v", " ReadOnly "))
    )
    for admin in (
        f'<admin listen="*:7000">{users}</admin>',
        f'<admin><web listen="*:7000" enable="1"/>{users}</admin>',
    ):
        config, warnings = config_of(service(group, root, admin))
        assert [user.access for user in config.admins[0].users] == ["full", "readonly"]
        assert "access 'FULL' of user 'u' is taken as 'full'" in warnings
    _, problems = read(service(group, root, admin.replace("FULL", "FULLY")).encode(), "old.xml", "/")
    assert any("unknown access 'FULLY' of user 'u'" in str(problem) for problem in problems)


@pytest.mark.parametrize("interval", ["often", "", "0"])
def test_a_bad_interval_of_a_host_check_is_told_by_its_own_name_if_it_counts(interval: str) -> None:
    group = '<group name="g"><host name="a" ip="1.1.1.1:1"/></group>'
    manager = f'\n<manager>\n<hostCheck interval="{interval}" enable="true"/></manager>'
    _, problems = read(service(group, more=manager).encode(), "old.xml", "/")
    assert [problem.line for problem in problems] == [3]
    assert f"bad interval '{interval}' of <hostCheck>" in str(problems[0])
    config, _ = config_of(service(group, more=manager + '<checktime time="30"/>'))
    assert config.checktime == 30.0
