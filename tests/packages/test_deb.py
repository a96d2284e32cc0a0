"""What is in the Debian package. What it does when it is installed is in life.py: `make deb-test`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from director.version import VERSION
from tests.packages.building import MAKERS, deb
from tests.system.peers import need

SETTINGS = {"/etc/default/director", "/etc/director/config.xml", "/etc/init.d/director", "/etc/logrotate.d/director"}
ELSEWHERE = ("usr/lib/director/", "usr/share/", "var/")
STARTING = {"usr/sbin/directord", "usr/bin/directorctl", "usr/lib/systemd/system/director.service"}


def test_it_has_all_that_is_needed_in_its_proper_place_and_runs(tmp_path: Path) -> None:
    need("dpkg-deb", "dpkg")
    package = deb(tmp_path / "made")
    assert field(package, "Version") == f"{VERSION}-1"
    assert re.fullmatch(r"python3 \(>= 3\.(\d+)\), python3 \(<< 3\.(\d+)\), libc6 .*", field(package, "Depends"))
    control, tree = tmp_path / "control", tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--control", str(package), str(control)], check=True)
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tree)], check=True)
    assert set((control / "conffiles").read_text().split()) == SETTINGS
    assert {path.name for path in control.iterdir() if path.stat().st_mode & 0o111} == {"postinst", "prerm", "postrm"}

    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}
    assert {name for name in files if not name.startswith(ELSEWHERE)} == {name[1:] for name in SETTINGS} | STARTING
    for page in ("man8/directord.8", "man1/directorctl.1", "man5/director-config.xml.5"):
        assert f"usr/share/man/{page}.gz" in files
    for name in ("etc/init.d/director", "usr/lib/systemd/system/director.service"):
        text = (tree / name).read_text()
        assert "/usr/sbin/directord" in text
        assert "/opt/" not in text
    assert not [name for name in files if name.endswith(".py") and str(tmp_path) in (tree / name).read_text("latin-1")]

    python = [str(tree / "usr/lib/director/bin/python3"), "-I"]
    assert run(*python, str(tree / "usr/sbin/directord"), "--version").endswith(VERSION)
    assert run(*python, str(tree / "usr/bin/directorctl"), "help").startswith("status ")
    config = str(tree / "etc/director/config.xml")
    assert run(*python, str(tree / "usr/sbin/directord"), "check", config).endswith("config.xml is good")
    schema = str(tree / "usr/share/xml/director/director.rng")
    run(need("xmllint", "libxml2-utils"), "--noout", "--relaxng", schema, config)


def test_its_scripts_are_good_shell() -> None:
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", str(MAKERS / "debian" / script))


def field(package: Path, name: str) -> str:
    return run("dpkg-deb", "--field", str(package), name)


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
