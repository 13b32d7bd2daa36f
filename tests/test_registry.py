from __future__ import annotations

import importlib
import sys
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pali3kit import registry
from pali3kit.errors import RegistryError
from pali3kit.registry import KINDS, Registry


@pytest.fixture
def parts() -> Registry[object]:
    return Registry("thing")


def test_builds_a_lazily_named_target(parts: Registry[object]) -> None:
    parts.add("fraction", "fractions:Fraction", summary="exact")
    assert str(parts.build("fraction", 1, denominator=3)) == "1/3"
    assert parts.describe("fraction").summary == "exact"


def test_adding_and_describing_imports_nothing(parts: Registry[object]) -> None:
    parts.add("absent", "no_such_package.module:Thing")
    assert parts.describe("absent").origin == "no_such_package.module:Thing"
    with pytest.raises(
        RegistryError, match=r"^thing 'absent' cannot be imported from no_such_package\.module:Thing: No module"
    ):
        parts.build("absent")


def test_registers_by_decorator(parts: Registry[object]) -> None:
    @parts.register("double", summary="twice")
    def double(x: int) -> int:
        return 2 * x

    assert parts.get("double") is double
    assert parts.build("double", 4) == 8
    assert parts.describe("double").origin.endswith("double")


def test_refuses_duplicates_naming_both(parts: Registry[object]) -> None:
    parts.add("a", "one:A")
    with pytest.raises(RegistryError) as error:
        parts.add("a", "two:A")
    assert str(error.value) == "thing 'a' is registered twice: one:A and two:A."


def test_unknown_name_suggests_or_lists(parts: Registry[object]) -> None:
    parts.add("linear", "one:A")
    parts.add("resampler", "one:B")
    with pytest.raises(RegistryError, match=r"^unknown thing 'liner'. Did you mean 'linear'\?$"):
        parts.describe("liner")
    with pytest.raises(RegistryError, match=r"^unknown thing 'qq'. Choose from linear, resampler.$"):
        parts.build("qq")


def test_prefix_passes_the_rest_of_the_name_first(parts: Registry[object]) -> None:
    parts.add("path/", "os.path:join")
    assert parts.build("path/a/b", "c") == "a/b/c"
    assert parts.names() == ["path/"]
    assert [entry.name for entry in parts.entries()] == ["path/"]
    with pytest.raises(RegistryError, match="'path/' is a family of thing: write path/NAME, with a name of the family"):
        parts.describe("path/")
    with pytest.raises(RegistryError, match=r"unknown thing 'pth/a'\. Did you mean 'path/'"):
        parts.describe("pth/a")


def test_exact_name_wins_over_its_prefix(parts: Registry[object]) -> None:
    parts.add("path/", "os.path:join")
    parts.add("path/own", "fractions:Fraction")
    assert parts.describe("path/own").name == "path/own"
    assert parts.build("path/own", 2) == 2


def test_plug_ins_come_from_entry_points(parts: Registry[object], monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("extra", "fractions:Fraction", "pali3kit.thing"),
        EntryPoint("other", "fractions:Fraction", "pali3kit.gadget"),
    )
    monkeypatch.setattr(registry, "plugins", lambda: points)
    assert parts.names() == ["extra"]
    assert parts.build("extra", 1, 2) * 2 == 1


def write(folder: Path, **modules: str) -> str:
    """A package with a unique name, whose modules can be found."""
    name = f"{folder.name}_room"
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text)
    importlib.invalidate_caches()
    return name


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


GATE = """
from pali3kit.registry import THING

@THING.register("gate", "opens", given=("seed",), annotations=("captions",), files=("path",))
class Gate:
    def __init__(self, width: int, seed: int, opening: float = 0.5) -> None:
        self.opening = opening
"""


def test_a_package_declares_and_importing_what_it_declares_is_harmless(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write(room, gate=GATE)
    things = Registry[object]("thing", packages=(name,), given=("width",))
    monkeypatch.setattr(registry, "THING", things, raising=False)
    entry = things.describe("gate")
    assert (entry.summary, entry.annotations, entry.files, entry.built_in) == ("opens", ("captions",), ("path",), False)
    assert entry.options is not None and [field.name for field in fields(entry.options)] == ["opening"]
    assert f"{name}.gate" not in sys.modules
    assert vars(things.build("gate", width=1, seed=2)) == {"opening": 0.5}
    assert things.names() == ["gate"]


def test_a_class_that_is_defined_again_replaces_itself(parts: Registry[object]) -> None:
    def define(number: int) -> None:
        @parts.register("answer")
        def answer() -> int:
            return number

    define(1)
    define(2)
    assert parts.build("answer") == 2


def test_two_declarations_of_a_name_are_reported(room: Path) -> None:
    name = write(room, gate=GATE, other=GATE)
    things = Registry[object]("thing", packages=(name,))
    for _ in range(2):  # also at the second attempt
        with pytest.raises(RegistryError) as error:
            things.names()
        assert str(error.value) == f"thing 'gate' is registered twice: {name}.gate:Gate and {name}.other:Gate."


def test_a_plug_in_may_be_named_by_its_package_and_by_its_module(room: Path, parts: Registry[object]) -> None:
    name = write(room, __init__="from .gate import Gate", gate="class Gate: ...")
    parts.add("gate", f"{name}:Gate", summary="plug-in")
    parts.add("gate", f"{name}.gate:Gate", "opens")
    assert parts.describe("gate").summary == "plug-in"


def test_the_options_of_a_plug_in_come_from_its_source(
    room: Path, parts: Registry[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write(room, gate="def create(rest: str, opening: float = 0.5): ...\nraise RuntimeError('imported')")
    points = (EntryPoint("gate/", f"{name}.gate:create", "pali3kit.thing"),)
    monkeypatch.setattr(registry, "plugins", lambda: points)
    options = parts.describe("gate/wide").options
    assert options is not None and [field.name for field in fields(options)] == ["opening"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_package.gate:Gate", "there is no module 'no_such_package.gate'"),
        ("{0}.gate:Gaet", r"module '{0}\.gate' has no 'Gaet'"),
        ("{0}.gate:Gate", "it is declared as 'gate', not as 'mine'"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_an_error_where_it_is_used(
    room: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    name = write(room, gate=GATE)
    points = (
        EntryPoint("mine", value.format(name), "pali3kit.thing"),
        EntryPoint("ok", "fractions:Fraction", "pali3kit.thing"),
    )
    monkeypatch.setattr(registry, "plugins", lambda: points)
    things = Registry[object]("thing")
    assert things.names() == ["ok"] and things.build("ok", 3) == 3
    told = rf"^thing 'mine' cannot be loaded from {value.format(name)}: {why.format(name)}\.$"
    for ask in (things.describe, things.get, things.build):
        with pytest.raises(RegistryError, match=told):
            ask("mine")
    assert [(entry.name, bool(entry.wrong)) for entry in things.entries()] == [("mine", True), ("ok", False)]
    assert [*things.broken] == ["mine"] and f"{name}.gate" not in sys.modules


def test_a_plug_in_may_not_take_the_name_of_ours_whichever_is_asked_for(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write(room, gate=GATE)
    points = (EntryPoint("gate", "fractions:Fraction", "pali3kit.thing"),)
    monkeypatch.setattr(registry, "plugins", lambda: points)
    things = Registry[object]("thing", packages=(name,))
    told = rf"^thing 'gate' is registered twice: {name}\.gate:Gate and fractions:Fraction\.$"
    for _ in range(2):
        with pytest.raises(RegistryError, match=told):
            things.describe("gate")
        with pytest.raises(RegistryError, match=told):
            things.names()


def test_components_that_are_only_listed_have_no_options() -> None:
    assert registry.METRIC.describe("cider").options is None


def test_every_kind_has_parts() -> None:
    assert all(kind.names() for kind in KINDS.values())
    assert [kind.kind for kind in KINDS.values()] == list(KINDS)


def test_an_unknown_option_is_reported_with_the_nearest_one(parts: Registry[object]) -> None:
    @parts.register("double")
    def double(x: int, factor: int = 2) -> int:
        return factor * x

    assert parts.build("double", 4, factor=3) == 12
    with pytest.raises(RegistryError, match=r"thing 'double' takes no option 'facter'\. Did you mean 'factor'\?"):
        parts.build("double", 4, facter=3)


def test_a_missing_option_is_reported(parts: Registry[object]) -> None:
    @parts.register("scaled")
    def scaled(x: int, *rest: int, factor: int) -> int:
        return factor * x

    assert parts.build("scaled", 4, factor=3) == 12
    with pytest.raises(RegistryError, match=r"^thing 'scaled' needs the option 'factor'\.$"):
        parts.build("scaled", 4)
    with pytest.raises(RegistryError, match=r"^thing 'scaled' needs the option 'x'\.$"):
        parts.build("scaled", factor=3)
    parts.add("open", lambda width, **options: width)
    with pytest.raises(RegistryError, match=r"^thing 'open' needs the option 'width'\.$"):
        parts.build("open", wdith=3)
    with pytest.raises(RegistryError, match=r"^thing 'scaled' cannot be built: multiple values for argument 'x'\.$"):
        parts.build("scaled", 4, x=4, factor=3)
