"""The Debian package's life: installed, upgraded under load, taken back, removed and purged.

By `make deb-test`; it takes a minute, root, and a kernel with overlayfs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.packages.building import deb
from tests.packages.throwaway import Root, throwaway
from tests.waiting import wait_until

CONFIG = """<director upgrade-probation="1s" stop-timeout="2s">
  <service name="web">
    <listen ip="127.0.0.1:8080"/>
    <group name="main" scheduler="roundrobin">
      <host name="a" ip="127.0.0.1:9001"/>
      <host name="b" ip="127.0.0.1:9002"/>
    </group>
  </service>
  <logging file="/var/log/director/director.log"/>
</director>
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This version, the one before it, and one that can't run; and what makes traffic."""
    folder = tmp_path_factory.mktemp("packages")
    this = deb(folder)
    this.rename(folder / "this.deb")
    remade(folder / "this.deb", "0.0.9-1", folder / "before.deb", version)
    remade(folder / "this.deb", "99-1", folder / "broken.deb", breakage)
    shutil.copy(Path(__file__).parent / "traffic.py", folder)
    return folder


def remade(package: Path, number: str, target: Path, change: Callable[[Path, str], None]) -> None:
    """The package under another number, with something else changed in it."""
    tree = target.with_suffix("")
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text("".join(f"Version: {number}\n" if line.startswith("Version:") else line for line in lines))
    change(next(tree.glob("usr/lib/director/lib/python3*/site-packages")), number)
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def version(modules: Path, number: str) -> None:
    (modules / "director/version.py").write_text(f'VERSION = "{number.removesuffix("-1")}"\n')


def breakage(modules: Path, number: str) -> None:
    version(modules, number)
    with (modules / "workers/run.py").open("a") as file:
        file.write("\nraise RuntimeError('this version can not work')\n")


def test_it_runs_from_where_it_is_unpacked_and_names_no_folder_of_its_making(packages: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(packages / "this.deb"), str(tmp_path)], check=True)
    for page in ("man8/directord.8", "man1/directorctl.1", "man5/director-config.xml.5"):
        assert (tmp_path / f"usr/share/man/{page}.gz").exists()
    home = tmp_path / "usr/lib/director"
    compiled = [path.read_bytes() for path in home.rglob("director/**/*.pyc")]
    assert compiled
    assert all(b"/usr/lib/director/lib/" in code and b"/tmp/tmp" not in code for code in compiled)
    for command in (["usr/sbin/directord", "--version"], ["usr/bin/directorctl", "help"]):
        words = [str(home / "bin/python3"), "-I", str(tmp_path / command[0]), *command[1:]]
        subprocess.run(words, check=True, capture_output=True, timeout=60)


def test_made_twice_it_is_the_same(packages: Path, tmp_path: Path) -> None:
    assert deb(tmp_path).read_bytes() == (packages / "this.deb").read_bytes()


@pytest.fixture
def root(packages: Path) -> Iterator[Root]:
    with throwaway(packages) as made:
        yield made


def running(root: Root) -> str:
    found = root.json("directorctl", "--json", "stats")["version"]
    assert isinstance(found, str)
    return found


def test_it_is_installed_upgraded_under_load_and_purged(root: Root) -> None:
    before = root.files()
    root.run("dpkg", "--install", "/tmp/before.deb")
    assert running(root) == "0.0.9"
    assert "config.xml is good" in root.run("directord", "check")
    root.run("xmllint", "--noout", "--relaxng", "/usr/share/xml/director/director.rng", "/etc/director/config.xml")
    root.run("sh", "-c", f"cat > /etc/director/config.xml <<'END'\n{CONFIG}END")
    root.run("invoke-rc.d", "director", "reload")
    assert len(root.run("ps", "-o", "pid=", "-u", "director").split()) >= 2  # hub and workers, by their own account

    with traffic(root) as failures:
        assert "upgraded to version" in root.run("dpkg", "--install", "/tmp/this.deb")
        this = running(root)
        assert this != "0.0.9"
        goes_on(root)

        # A version that can't work: the package is there, and what ran goes on.
        said = root.run("dpkg", "--install", "/tmp/broken.deb")
        assert "this version can not work" in said
        assert "the version before goes on running" in said
        goes_on(root)
        root.run("dpkg", "--install", "--force-downgrade", "/tmp/this.deb")
        assert running(root) == this
        goes_on(root)
    assert failures == []

    assert root.run("cat", "/etc/director/config.xml") == CONFIG
    root.run("logrotate", "--force", "/etc/logrotate.d/director")
    assert root.try_("dpkg", "--verify", "director").stdout.split() == ["??5??????", "c", "/etc/director/config.xml"]

    root.run("dpkg", "--remove", "director")
    assert root.try_("ps", "-o", "pid=", "-u", "director").stdout == ""
    assert root.run("cat", "/etc/director/config.xml") == CONFIG
    left = root.files() - before
    assert {path for path in left if not path.startswith(("/etc/", "/var/lib/", "/var/log/"))} == set()

    root.run("dpkg", "--purge", "director")
    assert root.files() - before == set()
    assert root.try_("getent", "passwd", "director").returncode == 2
    assert root.try_("test", "-e", "/run/director").returncode == 1


def test_a_version_that_cannot_run_can_be_removed_while_another_runs(root: Root) -> None:
    root.run("dpkg", "--install", "/tmp/before.deb")
    root.run("dpkg", "--install", "/tmp/broken.deb")
    root.run("dpkg", "--purge", "director")
    assert root.try_("getent", "passwd", "director").returncode == 2
    assert root.try_("test", "-e", "/run/director").returncode == 1


@contextmanager
def traffic(root: Root) -> Iterator[list[str]]:
    """Clients, all the time; at its end the list has what went wrong for them."""
    failures: list[str] = []
    script = root.command("python3", "/tmp/traffic.py")
    hosts = subprocess.Popen([*script, "hosts", "9001", "a", "9002", "b"])
    wait_until(lambda: root.run("ss", "-ltnH", "sport = :9001 or sport = :9002").count("\n") == 2, 60)
    load = subprocess.Popen([*script, "load", "8080", "/tmp/stop"], stdout=subprocess.PIPE, text=True)
    try:
        goes_on(root)
        yield failures
        root.run("touch", "/tmp/stop")
        met = json.loads(load.communicate(timeout=180)[0])
        assert met["exchanges"] > 100
        failures += met["failures"]
    finally:
        load.kill()
        hosts.kill()


def goes_on(root: Root) -> None:
    """Clients are served, now."""
    held = total(root)
    wait_until(lambda: total(root) > held + 50, 60)


def total(root: Root) -> int:
    services = root.json("directorctl", "--json", "stats")["services"]
    assert isinstance(services, list)
    return int(services[0]["total"])
