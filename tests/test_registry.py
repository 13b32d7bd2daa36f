from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from pali3kit import registry
from pali3kit.errors import RegistryError
from pali3kit.registry import KINDS, Registry


@pytest.fixture
def parts() -> Registry:
    return Registry("thing")


def test_builds_a_lazily_named_target(parts: Registry) -> None:
    parts.add("fraction", "fractions:Fraction", summary="exact")
    assert str(parts.build("fraction", 1, denominator=3)) == "1/3"
    assert parts.describe("fraction").summary == "exact"


def test_adding_and_describing_imports_nothing(parts: Registry) -> None:
    parts.add("absent", "no_such_package.module:Thing")
    assert parts.describe("absent").origin == "no_such_package.module:Thing"
    with pytest.raises(
        RegistryError, match=r"^thing 'absent' cannot be imported from no_such_package\.module:Thing: No module"
    ):
        parts.build("absent")


def test_registers_by_decorator(parts: Registry) -> None:
    @parts.register("double", summary="twice")
    def double(x: int) -> int:
        return 2 * x

    assert parts.get("double") is double
    assert parts.build("double", 4) == 8
    assert parts.describe("double").origin.endswith("double")


def test_refuses_duplicates_naming_both(parts: Registry) -> None:
    parts.add("a", "one:A")
    with pytest.raises(RegistryError) as error:
        parts.add("a", "two:A")
    assert str(error.value) == "thing 'a' is registered twice: one:A and two:A."


def test_unknown_name_suggests_or_lists(parts: Registry) -> None:
    parts.add("linear", "one:A")
    parts.add("resampler", "one:B")
    with pytest.raises(RegistryError, match=r"^unknown thing 'liner'. Did you mean 'linear'\?$"):
        parts.describe("liner")
    with pytest.raises(RegistryError, match=r"^unknown thing 'qq'. Choose from linear, resampler.$"):
        parts.build("qq")


def test_prefix_passes_the_rest_of_the_name_first(parts: Registry) -> None:
    parts.add("path/", "os.path:join")
    assert parts.build("path/a/b", "c") == "a/b/c"
    assert parts.names() == ["path/"]
    assert [entry.name for entry in parts.entries()] == ["path/"]
    with pytest.raises(RegistryError, match="'path/' is a family of thing: say which one, path/NAME"):
        parts.describe("path/")


def test_exact_name_wins_over_its_prefix(parts: Registry) -> None:
    parts.add("path/", "os.path:join")
    parts.add("path/own", "fractions:Fraction")
    assert parts.describe("path/own").name == "path/own"
    assert parts.build("path/own", 2) == 2


def test_plug_ins_come_from_entry_points(parts: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("extra", "fractions:Fraction", "pali3kit.thing"),
        EntryPoint("other", "fractions:Fraction", "pali3kit.gadget"),
    )
    monkeypatch.setattr(registry, "_plugins", lambda: points)
    assert parts.names() == ["extra"]
    assert parts.build("extra", 1, 2) * 2 == 1


def test_built_in_declarations_load_at_first_look_up() -> None:
    fresh = Registry("fresh", declared_in="no_such_package.parts")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        fresh.names()


def test_every_kind_has_parts() -> None:
    assert all(kind.names() for kind in KINDS.values())
    assert [kind.kind for kind in KINDS.values()] == list(KINDS)


def test_an_unknown_option_is_told_with_the_nearest_one(parts: Registry) -> None:
    @parts.register("double")
    def double(x: int, factor: int = 2) -> int:
        return factor * x

    assert parts.build("double", 4, factor=3) == 12
    with pytest.raises(RegistryError, match=r"thing 'double' takes no option 'facter'\. Did you mean 'factor'\?"):
        parts.build("double", 4, facter=3)
