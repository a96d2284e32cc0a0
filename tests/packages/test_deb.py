"""What is put around director's environment in the Debian package.

The package as a whole, and what it does when it is installed, is in life.py: `make deb-test`.
"""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from director.config.reader import read
from director.errors import Severity
from director.version import VERSION
from tests.packages.building import MAKERS

SETTINGS = {"/etc/default/director", "/etc/director/config.xml", "/etc/init.d/director", "/etc/logrotate.d/director"}
STARTING = {"usr/sbin/directord", "usr/bin/directorctl", "usr/lib/systemd/system/director.service"}


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed")
def test_all_is_in_its_proper_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MAKERS))
    fields = runpy.run_path(str(MAKERS / "deb.py"))["surroundings"](tmp_path)
    assert fields["Version"] == f"{VERSION}-1"
    depends = re.fullmatch(r"python3 \(>= 3\.(\d+)\), python3 \(<< 3\.(\d+)\), libc6 .*", fields["Depends"])
    assert depends
    assert int(depends[2]) == int(depends[1]) + 1

    control = tmp_path / "DEBIAN"
    assert set((control / "conffiles").read_text().split()) == SETTINGS
    scripts = {path.name for path in control.iterdir() if path.stat().st_mode & 0o111}
    assert scripts == {"postinst", "prerm", "postrm"}
    for script in scripts:
        subprocess.run(["sh", "-n", str(control / script)], check=True, timeout=60)

    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    placed = {name for name in files if not name.startswith(("DEBIAN/", "usr/share/"))}
    assert placed == {name[1:] for name in SETTINGS} | STARTING
    for name in ("etc/init.d/director", "usr/lib/systemd/system/director.service"):
        text = (tmp_path / name).read_text()
        assert "/usr/sbin/directord" in text
        assert "/opt/" not in text
    for name in ("usr/sbin/directord", "usr/bin/directorctl"):
        assert (tmp_path / name).read_text().startswith("#!/usr/lib/director/bin/python3 -I\n")
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
    shared = tmp_path / "usr/share"
    subprocess.run(["bash", "-n", str(shared / "bash-completion/completions/directorctl")], check=True, timeout=60)
    assert (shared / "zsh/vendor-completions/_directorctl").read_text().startswith("#compdef directorctl")
    _, problems = read((tmp_path / "etc/director/config.xml").read_bytes(), "config.xml")
    assert [one.severity for one in problems] == [Severity.WARNING]  # no service yet
