"""An old Python Director's file and its operators' scripts, moved by the page on moving alone."""

from __future__ import annotations

from pathlib import Path

from tests.system.addresses import free_address
from tests.system.following import follow
from tests.system.peers import need

# As crypt(3) had it: the password is "geheim".
FILE = """<pdconfig>
  <!-- the shop, and its next release -->
  <service name="shop">
    <listen ip="{shop}"/>
    <group name="now" scheduler="leastconns">
      <host name="two" ip="{two}"/>
      <host name="three" ip="{three}"/>
    </group>
    <group name="later" scheduler="roundrobin">
      <host name="five" ip="{five}" colour="ignored then, a warning now"/>
    </group>
    <enable group="now"/>
  </service>
  <admin listen="{admin}">
    <user name="operator" password="iyQhhaTHkpNzQ" access="full"/>
  </admin>
  <logging file="director.log"/>
  <checktime time="120"/>
</pdconfig>
"""
CALL = 'curl --silent --retry 30 --retry-connrefused --user operator:geheim "http://{admin}{call}"; echo\n'
SCRIPTS = {
    "1-add": "/addHost?service=shop&group=later&name=six&ip={six}",
    "2-night": "/enableGroup?service=shop&group=later",
    "3-out": "/hostAdminDown?service=shop&group=now&name=two",
    "4-look": "/running.txt",
    "5-in": "/hostAdminUp?service=shop&group=now&ip={two}",
    "6-gone": "/delHost?Service=shop&Group=now&ip={three}",
    "7-last": "/delHost?service=shop&group=later&name=nobody",
}


def test_a_file_and_its_scripts_go_on_working(tmp_path: Path) -> None:
    need("curl", "curl")
    names = {name: free_address() for name in ("shop", "admin", "two", "three", "five", "six")}
    folder = tmp_path / "old"
    (folder / "scripts").mkdir(parents=True)
    (folder / "pydirector.xml").write_text(FILE.format(**names))
    for name, call in SCRIPTS.items():
        script = CALL.format(admin=names["admin"], call=call.format(**names))
        (folder / "scripts" / f"{name}.sh").write_text(script)
    said = follow("moving-from-python-director.md", folder).splitlines()
    answers = [line for line in said if line in ("OK", "NOT OK")]
    assert answers == ["OK", "OK", "OK", "OK", "OK", "NOT OK"], said
    assert f"service shop {names['shop']} later" in said
    assert f"host six {names['six']} 0 -" in said
    assert any(line.startswith(f"disabled two {names['two']} maint") for line in said)
    assert "group later enabled" in said
    # What the scripts did is in the file of its own words.
    own = (folder / "director.xml").read_text()
    assert "<director" in own
    assert 'name="six"' in own
    assert 'name="three"' not in own
