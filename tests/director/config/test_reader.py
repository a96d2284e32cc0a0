"""Texts in, configs and problems out: what is read, and what is said of what can't be."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from director.access import Access
from director.config.model import Config, Endpoint
from director.config.reader import read
from director.config.schema import ELEMENTS, MAX_NAME, Attribute
from director.errors import Severity

HOSTS = '<host name="a" ip="10.0.0.1:80"/>'


def one(inside: str = HOSTS, group: str = "", service: str = "", root: str = "director") -> str:
    return (
        f'<{root}>\n <service name="web"{service}>\n  <listen ip="*:80"/>\n'
        f'  <group name="main"{group}>{inside}</group>\n </service>\n</{root}>'
    )


def good(text: str) -> Config:
    config, problems = read(text.encode(), "c.xml", "/etc/d")
    assert config is not None, problems
    assert all(problem.severity is Severity.WARNING for problem in problems)
    return config


def errors(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    config, problems = read(data, "c.xml", "/etc/d")
    assert config is None
    return [str(problem) for problem in problems if problem.severity is Severity.ERROR]


def test_the_sample_of_the_interface_reads_as_it_says() -> None:
    config = good(
        """<director workers="4" user="root" group="root" maxconn="20000">
  <service name="web" maxconn="5000" connect-timeout="5s" idle-timeout="10m" queue-timeout="500ms">
    <listen ip="*:80"/> <listen ip="[::]:80"/> <listen ip="unix:web.sock" mode="0660"/>
    <group name="main" scheduler="leastconns,sticky" sticky-timeout="30m">
      <check type="http" path="/health" expect="200" interval="2s" timeout="1s" rise="2" fall="3"/>
      <host name="a" ip="10.0.0.1:8080" weight="0.5" maxconn="500"/>
      <host name="b" ip="app.example.com:8080"/>
      <host name="spare" ip="10.0.0.9:8080" backup="yes"/>
    </group>
    <group name="next" scheduler="roundrobin"> <host name="n1" ip="[2001:db8::1]:8080"/> </group>
    <enable group="next"/>
  </service>
  <admin listen="127.0.0.1:7001" users="users.yaml"/>
  <control group="ops" access="readonly"/>
  <logging file="director.log" level="debug" format="json"/>
  <checktime time="60"/>
</director>"""
    )
    (web,) = config.services
    main, following = web.groups
    assert (config.workers, config.maxconn, config.checktime) == (4, 20000, 60.0)
    assert (web.maxconn, web.connect_timeout, web.idle_timeout, web.queue_timeout) == (5000, 5.0, 600.0, 0.5)
    assert [str(listen.ip) for listen in web.listens] == ["*:80", "[::]:80", "unix:/etc/d/web.sock"]
    assert web.listens[2].mode == 0o660
    assert web.enabled == "next"
    assert main.scheduler == "leastconns,sticky"
    assert main.check is not None and main.check.path == "/health"
    assert [(host.name, host.weight, host.backup) for host in main.hosts] == [
        ("a", 0.5, False),
        ("b", 1.0, False),
        ("spare", 1.0, True),
    ]
    assert following.hosts[0].ip == Endpoint("2001:db8::1", 8080)
    assert config.controls[0].access is Access.READONLY
    assert config.logging.file == "/etc/d/director.log"


def test_the_first_group_is_enabled_if_none_is_named() -> None:
    assert good(one()).services[0].enabled == "main"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "c.xml"),
        ("not xml", 1, "c.xml"),
        ("<director>\n<service\n</director>", 3, "not XML"),
        ("<kartoffel/>", 1, "director"),
        (one(group=' scheduler="leastcons"'), 4, "leastconns"),
        (one(inside='<host name="a" ip="10.0.0.1:99999"/>'), 4, "99999"),
        (one(inside='<host name="a" ip="10.0.0.1"/>'), 4, "10.0.0.1"),
        (one(inside='<host name="a b" ip="10.0.0.1:80"/>'), 4, "a b"),
        (one(inside='<host name="a" ip="10.0.0.1:80" wait="3"/>'), 4, "weight"),
        (one(inside=HOSTS + HOSTS), 4, "'a'"),
        (one(inside='<host name="a" ip="1.2.3.4:80" weight="-1"/>'), 4, "weight"),
        (one(inside='<host name="a" ip="1.2.3.4:80" weight="nan"/>'), 4, "weight"),
        (one(inside='<hoost name="a" ip="1.2.3.4:80"/>'), 4, "host"),
        (one(service=' idle-timeout="5 parsecs"'), 2, "idle-timeout"),
        (one(service=' retries="every"'), 2, "write a whole number from 0 to 1000000000, or 'all'"),
        (one(inside='<host name="a" ip="unix:/run/a.sock" source="10.0.0.9"/>'), 4, "source of host 'a'"),
        (one(inside='<host name="a" ip="unix:/run/a.sock" fast-open="yes"/>'), 4, "fast-open of host 'a'"),
        (
            one(inside='<check port="80"/>\n<host name="a" ip="unix:/run/a.sock"/>'),
            5,
            "the check of host 'a' goes to port",
        ),
        (one().replace("</service>", '<enable group="mian"/></service>'), 5, "main"),
        (one().replace('<listen ip="*:80"/>', ""), 2, "listen"),
        (one(inside=HOSTS + '<listen ip="*:81"/>'), 4, "; move it into a <service>"),
        (one(inside=HOSTS + '<user name="b"/>'), 4, "; move it into an <admin>"),
        (one(inside=HOSTS + '<service name="b"/>'), 4, "; move it into the root"),
        (
            one().replace('<listen ip="*:80"/>', '<listen ip="*:80"/><check/>'),
            3,
            "; move it into a <group> or a <host>",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_a_remedy(text: str, line: int, words: str) -> None:
    found = errors(text)
    assert any(error.startswith(f"c.xml:{line}:") and words in error for error in found), found


def test_two_services_at_one_address_are_an_error_but_an_overlap_is_not() -> None:
    second = '<service name="b"><listen ip="IP"/><group name="g"><host name="h" ip="1.1.1.1:1"/></group></service>'
    text = one().replace("</director>", second + "</director>")
    assert any("*:80" in error for error in errors(text.replace("IP", "*:80")))
    good(text.replace("IP", "127.0.0.1:80"))


def test_all_problems_come_at_once() -> None:
    text = one(
        inside='<host name="a" ip="x:0"/>\n<host name="a" ip="1.1.1.1:1" weight="x"/>\n<nonsense/>',
        group=' scheduler="fast"',
        service=' colour="red"',
    )
    assert len({error.split(":")[1] for error in errors(text)}) >= 3
    assert len(errors(text)) >= 5


def test_what_a_misspelt_check_may_have_is_not_judged_by_another() -> None:
    found = errors(one(inside=f'<check type="htp" path="/health" expect="200"/>{HOSTS}'))
    assert len(found) == 1 and "did you mean 'http'?" in found[0]


def test_seconds_that_look_like_milliseconds_are_warned_of() -> None:
    config, problems = read(one(service=' connect-timeout="5000"').encode(), "config.xml")
    assert config is not None and config.services[0].connect_timeout == 5000
    assert [problem.message for problem in problems] == ["connect-timeout '5000' of service 'web' is in seconds"]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><director>&b;</director>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><director>&x;</director>',
        '<!DOCTYPE d SYSTEM "http://example.com/x.dtd"><director/>',
    ],
)
def test_entities_and_document_types_are_refused(text: str) -> None:
    found = errors(text)
    assert found and "root:" not in " ".join(found)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe<\x00d", b"<director>\x00</director>", b'<?xml version="1.0" encoding="klingon"?><director/>']
)
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    assert errors(data)


def test_ten_megabytes_of_nested_elements_are_refused_quickly() -> None:
    began = time.process_time()
    assert errors(b"<director>" + b"<a>" * (10 * 1024 * 1024 // 3))
    assert time.process_time() - began < 10


def test_line_numbers_are_right_far_down() -> None:
    found = errors(one().replace("<service", "\n" * 100_000 + "<service", 1).replace("*:80", "*:0x"))
    assert any(error.startswith("c.xml:100003:") for error in found), found


def test_under_an_ancestors_root_unknown_things_are_warnings() -> None:
    for root in ("pdconfig", "config"):
        config, problems = read(one(service=' colour="red"', root=root).encode(), "c.xml", "/")
        assert config is not None
        assert any("colour" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "sample", sorted(Path(__file__).with_name("samples").glob("*.xml")), ids=lambda path: path.name
)
def test_every_sample_reads(sample: Path) -> None:
    config, problems = read(sample.read_bytes(), sample.name, "/")
    assert config is not None, problems
    assert config.services


@pytest.mark.parametrize("name", ["config.xml", "config-minimal.xml"])
def test_the_files_shipped_to_begin_with_read_without_a_word(name: str) -> None:
    text = (Path(__file__).parents[3] / "etc" / name).read_bytes()
    config, problems = read(text, name, "/")
    assert config is not None
    assert problems == ()


def test_ten_thousand_hosts_read_in_seconds() -> None:
    hosts = "".join(f'<host name="h{i}" ip="10.0.{i // 250}.{i % 250 + 1}:80"/>\n' for i in range(10_000))
    began = time.process_time()
    assert len(good(one(inside=hosts)).services[0].groups[0].hosts) == 10_000
    assert time.process_time() - began < 5


HASH = "iy9l0V1MkG1DE"
ONE_OF_EACH = f"""<director>
 <service name="web"><listen ip="*:80"/>
  <group name="main"><host name="a" ip="10.0.0.1:80"/><check type="tcp"/></group><enable group="main"/></service>
 <admin listen="127.0.0.1:7001"><user name="ann" password="{HASH}"/></admin>
 <control group="ops"/><logging level="info"/><checktime time="120"/><dns prefer="ipv4"/>
</director>"""
MAY_BE_EMPTY = {("check", "args"), ("dns", "servers"), ("dns", "search")}  # lists


@pytest.mark.parametrize(
    ("tag", "row"),
    [
        pytest.param(element.tag, row, id=f"{element.tag}-{row.name}")
        for element in ELEMENTS.values()
        for row in element.attributes
        if (element.tag, row.name) not in MAY_BE_EMPTY
    ],
)
def test_an_empty_attribute_is_called_that_with_what_would_be_right(tag: str, row: Attribute) -> None:
    begin, _, rest = ONE_OF_EACH.partition(f"<{tag}")
    inside, close, after = rest.partition(">")
    given = re.sub(rf' {row.name}="[^"]*"', "", inside)
    text = "" if row.value.verbatim else " "
    slash = "/" if given.endswith("/") else ""
    found = errors(f'{begin}<{tag}{given.removesuffix("/")} {row.name}="{text}"{slash}{close}{after}')
    (said,) = (error for error in found if f": empty {row.name} of " in error)
    _, _, remedy = said.partition("; ")
    assert remedy.endswith(f'write {row.name}="...", {row.value.what}')
    assert remedy.startswith("leave it out, or ") is not row.required
    # Of the rest nothing is wrong but what has no place in a check or listener of that type.
    assert all(f"{row.name} of " in error for error in found)


def test_a_group_without_a_name_may_be_the_one_that_is_enabled() -> None:
    text = one().replace('name="main"', 'name=""').replace("</service>", '<enable group="main"/></service>')
    assert len(errors(text)) == 1


@pytest.mark.parametrize(("tag", "own"), [("service", "web"), ("group", "main"), ("host", "a")])
def test_a_name_has_a_bound_that_an_old_file_may_pass(tag: str, own: str) -> None:
    begin, _, rest = one().partition(f'<{tag} name="{own}"')
    good(f'{begin}<{tag} name="{"x" * MAX_NAME}"{rest}')
    long = f'{begin}<{tag} name="{"x" * (MAX_NAME + 1)}"{rest}'
    (said,) = errors(long)
    assert f"has a name of {MAX_NAME + 1} characters; use at most {MAX_NAME} letters, digits" in said
    good(long.replace("director>", "pdconfig>").replace("roundrobin", "random"))


def test_one_wrong_thing_is_told_once_though_several_admins_share_it() -> None:
    text = one(root="config").replace(
        "</config>",
        """<admin>
  <web listen="127.0.0.1:7001" enable="true"/><web listen="127.0.0.1:7002" enable="true"/>
  <user name="ann" password="iy9l0V1MkG1DE" access="fulll" shoe="1"/><user/><shoe/>
 </admin></config>""",
    )
    _, problems = read(text.encode(), "c.xml", "/etc/d")
    said = [problem.message for problem in problems]
    for words in ("'fulll'", "attribute 'shoe'", "<user> has no name", "<shoe>"):
        assert len([message for message in said if words in message]) == 1


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("<!-- nothing yet -->", "begin with <director>"),
        ("\ufeff", "begin with <director>"),
        ("director:\n  workers: 2\n", "begin with <director>"),
        ('\n{"workers": 2}', "begin with <director>"),
        ('\ufeff{"workers": 2}', "begin with <director>"),
        ("<!-- of mine -->\nworkers: 2\n", "begin with <director>"),
        ("<director workers=2/>", 'write <element attribute="value"/>'),
        ('<director user="a&b"/>', 'write <element attribute="value"/>'),
        ('<?xml version="1.0" encoding="UTF-16"?><director/>', "save it as UTF-8"),
        ('\n<?xml version="1.0"?><director/>', "take out what stands before <?xml ...?>"),
    ],
)
def test_a_file_that_does_not_begin_as_xml_does_is_told_how_it_would(text: str, remedy: str) -> None:
    (said,) = errors(text)
    assert f"; {remedy}" in said
