"""Files in the form of Python Director and txLoadBalancer start unchanged, and balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.system.addresses import ask_name, connect, free_address, read_line
from tests.system.daemon import Daemon
from tests.system.hosts import Host, Named
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]

# A crypt(3) hash as those programs wanted it; nobody's password.
HASH = "abJnggxhB/yWI"


def test_a_file_of_python_director(daemon: Daemon, hosts: Hosts) -> None:
    shop, mail = free_address(), free_address()
    two, three, five, six = hosts("two", "three", "five", "six")
    daemon.start(
        f"""<pdconfig>
    <!-- the shop, and its next release -->
    <service name="shop">
        <listen ip="{shop}" />
        <group name="now" scheduler="leastconns">
            <host name="two" ip="{two.address}" />
            <host name="three" ip="{three.address}" />
        </group>
        <group name="later" scheduler="roundrobin">
            <host name="five" ip="{five.address}" />
        </group>
        <enable group="now" />
    </service>
    <service name="mail">
        <listen ip="{mail}" />
        <group name="only" scheduler="random">
            <host ip="{six.address}" colour="ignored then, a warning now" />
        </group>
        <enable group="only" />
    </service>
    <admin listen="{free_address()}">
        <user name="operator" password="{HASH}" access="full"/>
    </admin>
    <logging file="director.log"/>
    <checktime time="120"/>
</pdconfig>
"""
    )
    clients = [connect(shop) for _ in range(20)]
    answers = Counter(read_line(client) for client in clients)
    for client in clients:
        client.close()
    assert abs(answers["two"] - 10) <= 2, answers
    assert answers["five"] == 0
    assert ask_name(mail) == "six"
    wait_until(lambda: daemon.host("host.0", "mail", "only")["total"] == 1)

    checked = daemon.directord("check")
    assert checked.exit == 0
    assert "colour" in checked.text
    assert daemon.ctl("group-enable", "shop", "later").exit == 0
    assert ask_name(shop) == "five"


def test_a_file_of_txloadbalancer(daemon: Daemon, hosts: Hosts, serve: Callable[..., Host]) -> None:
    first, second, other = free_address(), free_address(), free_address()
    light, heavy, idle, one = hosts("light", "heavy", "idle", "one")
    two = serve(Named("two"), free_address("127.0.0.1"))
    daemon.start(
        f"""<config>
  <service name="some.where">
    <listen ip="{first}" />
    <listen ip="{second}" />
    <group name="weighted" scheduler="weightr" enable="True">
      <host name="light" ip="{light.address}" weight="1"/>
      <host name="heavy" ip="{heavy.address}" weight="9"/>
    </group>
    <group name="other" scheduler="leastc">
      <host name="idle" ip="{idle.address}" />
    </group>
  </service>
  <service name="elsewhere">
    <listen ip="{other}"/>
    <group name="plain" scheduler="roundr" enable="on">
      <host name="one" ip="{one.address}" />
      <host name="two" ip="localhost:{two.address.rpartition(":")[2]}" />
    </group>
  </service>
  <admin>
    <web listen="*:7000" enable="true" secure="true" refresh="10" />
    <ssh listen="localhost:2222" enable="true" />
    <user name="admin" password="{HASH}" access="full"/>
  </admin>
  <manager>
    <hostCheck interval="10" enable="true"/>
    <configCheck interval="10" enable="false"/>
    <heartbeat interval="20" enable="false"/>
  </manager>
  <note>kept since 2009</note>
</config>
"""
    )
    answers = Counter(ask_name(address) for _ in range(100) for address in (first, second))
    assert abs(answers["heavy"] - 180) <= 25, answers  # six standard deviations
    assert answers["idle"] == 0
    wait_until(lambda: {ask_name(other) for _ in range(8)} == {"one", "two"})
    checked = daemon.directord("check")
    assert checked.exit == 0
    assert "ssh" in checked.text
