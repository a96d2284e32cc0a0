"""Makes the Debian package: director in an environment of its own under /usr/lib/director.

    python etc/packages/deb.py [FOLDER]          into dist/ if no folder is given

It needs dpkg-deb, the distribution's python3 and what tests need, nothing else: the
package is a tree that is put together here, for the Python and the machine it is made on.
What a package does when it is installed, upgraded and removed is in debian/.
"""

from __future__ import annotations

import gzip
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from string import Template

import archives
import source

HERE = Path(__file__).parent / "debian"
PYTHON = "/usr/bin/python3"
HOME = "usr/lib/director"
COMMANDS = {"usr/sbin/directord": "director.entry", "usr/bin/directorctl": "control.entry"}
EXAMPLES = (
    "config.xml", "config-minimal.xml", "config-checks.xml", "by_network.py", "grafana-dashboard.json",
    "prometheus-alerts.yaml",
)  # fmt: skip
COMPLETIONS = {
    "bash": "bash-completion/completions/directorctl",
    "zsh": "zsh/vendor-completions/_directorctl",
}
MAN_PAGES = ("directord.8", "directorctl.1", "director-config.xml.5")

# -I: what lies in the caller's folder or environment is no part of a program that root runs.
_LAUNCHER = """#!/{home}/bin/python3 -I
import sys

from {module} import main

sys.exit(main())
"""


def make(folder: Path) -> Path:
    """The package, in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        environment(root / HOME, Path(temporary))
        man_pages(root, Path(temporary) / "man")
        fields = surroundings(root)
        _times(root)
        package = folder / "{Package}_{Version}_{Architecture}.deb".format_map(fields)
        # zstd: a fifth of xz's time, and hardly larger.
        command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(root), str(package)]
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch())}
        subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
    return package


def surroundings(root: Path) -> dict[str, str]:
    """All but the environment and the man pages; the fields of the package's description."""
    _commands(root)
    _settings(root)
    _documents(root)
    return _control(root)


def environment(home: Path, temporary: Path) -> None:
    """A venv with what constraints.txt names, compiled, and without what only its makers need."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(home)], check=True)
    wheel = next(one for one in archives.make(temporary / "wheel") if one.suffix == ".whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(home / "bin/python3")]
    constraints = str(source.ROOT / "constraints.txt")
    subprocess.run([*pip, "install", "--no-compile", "--constraint", constraints, str(wheel)], check=True)
    packages = next(home.glob("lib/python3*/site-packages"))
    # What pip notes about an installation is dpkg's business here, and names the folder that it was made in.
    notes = (*packages.glob("*/direct_url.json"), *packages.glob("*/RECORD"))
    for unwanted in (home / "include", home / "lib64", *packages.glob("*/tests"), *notes):
        shutil.rmtree(unwanted) if unwanted.is_dir() and not unwanted.is_symlink() else unwanted.unlink(missing_ok=True)
    for script in (home / "bin").iterdir():
        if not script.name.startswith("python"):
            script.unlink()
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    # Where an operator puts packages of his own: schedulers offered as entry points.
    (packages / "local.pth").write_text("/usr/local/lib/director\n")
    # By hash, not by time: the package is the same each time, and an edited file counts.
    compiled = [PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "-s", str(home.parents[2])]
    subprocess.run([*compiled, "-p", "/", str(packages)], check=True, env={**os.environ, "PYTHONHASHSEED": "0"})


def _commands(root: Path) -> None:
    for path, module in COMMANDS.items():
        _write(root / path, _LAUNCHER.format(home=HOME, module=module), 0o755)


def _settings(root: Path) -> None:
    """What an operator may change, and what starts and rotates."""
    etc = source.ROOT / "etc"
    _write(root / "etc/director/config.xml", (HERE / "config.xml").read_text())
    _write(root / "etc/default/director", (HERE / "default").read_text())
    _write(root / "etc/logrotate.d/director", (etc / "logrotate").read_text())
    _write(root / "etc/init.d/director", _here((etc / "director.init").read_text()), 0o755)
    _write(root / "usr/lib/systemd/system/director.service", _here((etc / "director.service").read_text()))
    for folder in ("var/lib/director", "var/log/director"):
        (root / folder).mkdir(parents=True)


def _here(text: str) -> str:
    """Made for a venv in /opt; here the daemon is in its proper place."""
    text = text.replace("# For /etc/systemd/system. director lives in a venv of its own here; where it\n", "")
    text = text.replace("# is installed otherwise, change the two paths.\n", "")
    return text.replace("/opt/director/bin/", "/usr/sbin/")


def man_pages(root: Path, made: Path) -> None:
    """The man pages, made anew."""
    pages = ["-q", "-W", "-d", str(made / "tree"), "-b", "man", str(source.ROOT / "docs"), str(made)]
    subprocess.run([sys.executable, "-m", "sphinx", *pages], check=True)
    for page in MAN_PAGES:
        _pack(root / "usr/share/man" / f"man{page[-1]}" / f"{page}.gz", (made / page).read_bytes())


def _documents(root: Path) -> None:
    etc, shared = source.ROOT / "etc", root / "usr/share"
    documents = shared / "doc/director"
    _pack(documents / "changelog.gz", (source.ROOT / "CHANGES.md").read_bytes())
    _write(documents / "README.md", (source.ROOT / "README.md").read_text())
    _write(documents / "copyright", (HERE / "copyright").read_text() + (source.ROOT / "LICENSE").read_text())
    for name in EXAMPLES:
        _write(documents / "examples" / name, (etc / name).read_text())
    for shell, path in COMPLETIONS.items():
        asked = [
            sys.executable,
            "-c",
            "import sys; from control.cli import main; sys.exit(main())",
            "completion",
            shell,
        ]
        _write(shared / path, _said(*asked, cwd=source.ROOT) + "\n")
    for name in ("director.rng", "catalog.xml"):
        _write(shared / "xml/director" / name, (etc / name).read_text())


def _control(root: Path) -> dict[str, str]:
    """The package's own description and scripts."""
    folder = root / "DEBIAN"
    folder.mkdir()
    major, minor = _python()
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    values = {
        "version": _version(),
        "architecture": _said("dpkg", "--print-architecture"),
        "size": str(size // 1024),
        "python": f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1})",
        "libc": f"{platform.libc_ver()[0].replace('glibc', 'libc6')} (>= {_libc(root)})",
    }
    text = Template((HERE / "control").read_text()).substitute(values)
    _write(folder / "control", text)
    conffiles = sorted(path for path in (root / "etc").rglob("*") if path.is_file())
    _write(folder / "conffiles", "".join(f"/{path.relative_to(root)}\n" for path in conffiles))
    for script in ("postinst", "prerm", "postrm"):
        _write(folder / script, (HERE / script).read_text(), 0o755)
    return dict(re.findall(r"^(\S+): (.*)$", text, re.MULTILINE))


def _version() -> str:
    said = runpy.run_path(str(source.ROOT / "director/version.py"))
    return f"{said['VERSION']}-1"


def _python() -> tuple[int, int]:
    major, minor = _said(PYTHON, "-c", "import sys; print(*sys.version_info[:2])").split()
    return int(major), int(minor)


def _libc(root: Path) -> str:
    """The newest libc that a compiled module asks for."""

    def asked() -> Iterator[tuple[int, int]]:
        for module in root.rglob("*.so*"):
            for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", module.read_bytes()):
                yield int(major), int(minor)

    return "{}.{}".format(*max(asked(), default=(2, 34)))


def _said(*words: str, cwd: Path | None = None) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=cwd).stdout.strip()


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _pack(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0))


def _times(root: Path) -> None:
    """No times and rights of the machine that made it."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (source.epoch(), source.epoch()), follow_symlinks=False)
    (root / "var/log/director").chmod(0o750)


if __name__ == "__main__":
    print(make(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
