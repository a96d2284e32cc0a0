"""The rules of the house that a machine can check.

the arrow       workers -> director <- control; only director/__main__.py knows all three
purity          what decides touches neither the kernel nor the clock
the mirror      every module has its test file, and every test file its module
the master      one thread, no gevent hub, no ZeroMQ context, before and after it forks
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("director", "workers", "control")
COMPOSITION_ROOT = "director/__main__.py"

# Modules and whole folders without effects: no kernel, no clock, no log.
PURE = (
    "director/config",
    "director/scheduling",
    "director/access.py",
    "director/errors.py",
    "director/frames.py",
    "director/framing.py",
    "director/messages.py",
    "director/loglines.py",
    "director/printable.py",
    "director/logtarget.py",
    "director/tally.py",
    "director/master/records.py",
    "director/master/supervisor.py",
    "director/master/vitals.py",
    "control/baseline.py",
    "control/consequences.py",
    "control/dialogues.py",
    "control/drainage.py",
    "director/members.py",
    "control/haproxy.py",
    "control/history.py",
    "control/jsontext.py",
    "control/names.py",
    "control/prometheus.py",
    "control/rates.py",
    "control/columns.py",
    "control/render.py",
    "control/tables.py",
    "control/units.py",
    "control/reunion.py",
    "control/topview.py",
    "control/usability.py",
    "control/web/charts.py",
    "control/web/logins.py",
    "control/web/running.py",
    "control/resolvconf.py",
    "control/runtimeapi.py",
)
IMPURE = {
    "asyncio", "ctypes", "fcntl", "gevent", "logging", "mmap", "multiprocessing", "os", "psutil", "resource",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "threading", "time", "zmq",
}  # fmt: skip

# Names that say nothing about what a module owns.
NOT_A_NOUN = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}


def modules() -> list[str]:
    """Every module of ours, as a path from the root."""
    return sorted(str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(), module)


def imports(module: str) -> Iterator[str]:
    """Dotted names of all that a module imports, wherever in it, in full."""
    package = list(Path(module).parent.parts)
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def pure_modules() -> list[str]:
    return [name for name in modules() if any(name == pure or name.startswith(f"{pure}/") for pure in PURE)]


def ours(name: str) -> str | None:
    """The module of ours that a dotted name stands for or is in, as a path; None if it is not ours."""
    parts = name.split(".")
    if parts[0] not in ROOMS:
        return None
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        if (ROOT / f"{path}.py").exists():
            return f"{path}.py"
        if (ROOT / path).is_dir():
            return f"{path}/__init__.py"
    raise AssertionError(f"nothing is named {name}")


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_arrow(module: str) -> None:
    if module == COMPOSITION_ROOT:
        return
    room = module.split("/")[0]
    allowed = {room, "director"}
    rooms = {name.split(".")[0] for name in imports(module)} & {*ROOMS, "tests"}
    assert rooms <= allowed


# Used by hub and workers alike, which may not know each other; the master imports
# what its children need and runs none of it.
SHARED_EDGE = "director/channel.py"


@pytest.mark.parametrize("module", [name for name in modules() if name.startswith("director/") and name != SHARED_EDGE])
def test_the_room_of_the_master_uses_neither_gevent_nor_zeromq(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & {"gevent", "zmq"}


@pytest.mark.parametrize("pure", PURE)
def test_every_entry_of_the_purity_list_is_there(pure: str) -> None:
    assert (ROOT / pure).exists()


@pytest.mark.parametrize("module", pure_modules())
def test_pure_modules_import_nothing_with_effects(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & IMPURE


@pytest.mark.parametrize("module", pure_modules())
def test_pure_modules_rely_on_pure_modules_only(module: str) -> None:
    relied_on = {found for name in imports(module) if (found := ours(name))}
    assert {name for name in relied_on if not name.endswith("__init__.py")} <= set(pure_modules())


@pytest.mark.parametrize("module", pure_modules())
def test_pure_modules_take_randomness_as_an_argument(module: str) -> None:
    drawn = [
        node.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
    ]
    if "random" in imports(module):  # else it is an argument of that name
        assert set(drawn) <= {"Random"}  # the type of the argument
    assert {name for name in imports(module) if name.startswith("random.")} <= {"random.Random"}


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_owns(module: str) -> None:
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize("module", [name for name in modules() if name.endswith("__init__.py")])
def test_package_files_hold_a_docstring_and_no_code(module: str) -> None:
    assert len(tree(module).body) == 1


@pytest.mark.parametrize("package", [name for name in modules() if name.endswith("__init__.py")])
def test_package_files_are_the_maps_of_their_rooms(package: str) -> None:
    text = ast.get_docstring(tree(package)) or ""
    folder = Path(package).parent
    there = {Path(name).stem for name in modules() if Path(name).parent == folder} - {"__init__"}
    assert set(re.findall(r"(\w+)\.py\b", text)) <= there
    if "one module each" not in text:
        assert sorted(name for name in there if not re.search(rf"\b{name}\b", text)) == []


@pytest.mark.parametrize("module", modules())
def test_modules_are_named_by_a_noun_of_the_field(module: str) -> None:
    name = Path(module).stem
    assert name not in NOT_A_NOUN
    assert name not in sys.stdlib_module_names or name in {"__init__", "__main__"}


@pytest.mark.parametrize("module", [name for name in modules() if not Path(name).stem.startswith("__")])
def test_every_module_has_its_test_file(module: str) -> None:
    path = Path(module)
    assert (ROOT / "tests" / path.parent / f"test_{path.name}").exists()


def mirrored_tests() -> list[str]:
    tests = ROOT / "tests"
    return sorted(str(path.relative_to(tests)) for room in ROOMS for path in (tests / room).rglob("test_*.py"))


@pytest.mark.parametrize("test_file", mirrored_tests())
def test_every_test_file_has_its_module(test_file: str) -> None:
    path = Path(test_file)
    assert (ROOT / path.parent / path.name.removeprefix("test_")).exists()


def test_every_folder_of_tests_is_a_package() -> None:
    # Without it `tests/director` would shadow `director`.
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_what_the_master_imports_starts_no_thread_hub_or_context() -> None:
    probe = """
import os, director.__main__
director.__main__.roles()
assert len(os.listdir("/proc/self/task")) == 1, "threads"
import sys
if "gevent" in sys.modules:
    from gevent._hub_local import get_hub_if_exists
    assert get_hub_if_exists() is None, "a gevent hub"
if "zmq" in sys.modules:
    assert sys.modules["zmq"].Context._instance is None, "a ZeroMQ context"
"""
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
