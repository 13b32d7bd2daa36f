"""The goals of `speed/house.py`: small files and functions, precise types, few and unambiguous names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT / "speed"))

import house  # noqa: E402

SIZES = {size.name: size for size in house.sizes(CHECKOUT)}


@pytest.mark.parametrize("name", [size.name for size in SIZES.values() if size.goal])
def test_goals(name: str) -> None:
    size = SIZES[name]
    assert size.met, "\n".join([f"{name}: {size.shown}, the goal is {size.goal}.", *size.offenders])


def module(text: str, path: str = "pali3kit/room/thing.py") -> house.Module:
    return house.Module(Path(path), text, ast.parse(text))


@pytest.mark.parametrize(
    ("signature", "loose"),
    [
        ("x: Any", True), ("*x: Any", True), ("**x: Any", True), ("x, /, y: dict[str, Any]", True),
        ("*, x: typing.Any", True), ("x: 'list[Any]'", True), ("x: Literal['Many'], y: Anything", False),
        ("x: object, *y: int", False),
    ],
)  # fmt: skip
def test_any_is_found_in_every_argument(signature: str, loose: bool) -> None:
    assert bool(house.functions_with_any([module(f"def f({signature}) -> int: ...\n")])) is loose


def test_any_is_found_in_results_and_in_methods() -> None:
    found = house.functions_with_any([module("class A:\n    def f(self) -> list[Any]: ...\n")])
    assert found == ["pali3kit/room/thing.py:2 f"]


def test_names_and_imports_are_public_or_private() -> None:
    text = "from pali3kit.a import _b, c\nfrom torch import _d\nfrom pali3kit import __version__\n"
    text += "def f():\n    from pali3kit.e import _g\n    class H: ...\nclass _I: ...\nclass J: ...\n"
    assert module(text).public_names() == ["f", "J"]
    assert [each.rpartition(" ")[2] for each in house.private_imports([module(text)])] == [
        "pali3kit.a._b", "pali3kit.e._g",
    ]  # fmt: skip


def test_names_that_several_modules_define_are_listed() -> None:
    package = [
        module("class A: ...\ndef run(): ...\ndef b(): ...\n", "pali3kit/x.py"),
        module("from pali3kit.x import A\ndef run(): ...\ndef _b(): ...\n", "pali3kit/y.py"),
        module("def b(): ...\n", "pali3kit/z.py"),
    ]
    assert house.ambiguous_names(package) == ["b: pali3kit/x.py, pali3kit/z.py"]


def test_folders_with_many_names_are_listed_with_them() -> None:
    package = [
        module("def a(): ...\ndef run(): ...\n" + "\n" * 48, "pali3kit/few/a.py"),
        module("def b(): ...\ndef c(): ...\n" + "\n" * 48, "pali3kit/many/b.py"),
    ]
    assert house.dense_folders(package) == ["pali3kit/many: 2 names in 50 lines, 1 too many: b.b, b.c"]


def test_long_files_and_functions_are_listed() -> None:
    body = "    pass\n"
    found = [module("def f():\n" + body * 3 + "def g():\n" + body * 5 + "def h():\n" + body)]
    assert house.long_functions(found, 3) == [
        "pali3kit/room/thing.py:5 g (6)", "pali3kit/room/thing.py:1 f (4)"
    ]  # fmt: skip
    assert house.long_files(found, 11) == ["pali3kit/room/thing.py (12)"] and house.long_files(found, 12) == []


def test_lines_that_match_are_listed() -> None:
    mark, ignored = "TO" + "DO", "# type: " + "ignore[misc, no-any-return]"
    found = [module(f"x = 1\n# {mark}: y\nz = 2  {ignored}\nAUTODOC = 3\n")]
    assert house.lines_with(found, house.MARKS) == ["pali3kit/room/thing.py:2"]
    assert house.lines_with(found, house.RETURNS_ANY) == ["pali3kit/room/thing.py:3"]


def test_a_mirror_is_in_the_same_folder() -> None:
    package = [module("", "pali3kit/room/a.py"), module("", "pali3kit/b.py"), module("", "pali3kit/room/__init__.py")]
    tests = [module("", "tests/other/test_a.py"), module("", "tests/test_b.py")]
    assert house.without_mirror(package, tests) == ["pali3kit/room/a.py"]
    assert house.without_mirror(package, [*tests, module("", "tests/room/test_a.py")]) == []


def test_the_script_lists_missed_goals(tmp_path: Path) -> None:
    (tmp_path / "pali3kit").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("x = 1\n" * 60)
    file = tmp_path / "pali3kit" / "a.py"
    for text, code, told in [
        ("def f(x: int) -> int:\n    return x\n" + "\n" * 60, 0, "public names"),
        ("def f(x: Any) -> int:\n    return x\n", 1, "pali3kit/a.py:1 f"),
    ]:
        file.write_text(text)
        command = [sys.executable, house.__file__, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout
        assert told in done.stdout
