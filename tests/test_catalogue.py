"""Catalogues: built-in objects, found in their modules, and those of plug-ins."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from pali3kit import catalogue
from pali3kit.catalogue import BENCHMARK, CATALOGUES, STAGE, Catalogue
from pali3kit.errors import RegistryError

MEASURE = """
class Thing:
    def __init__(self, name, summary):
        self.name, self.summary = name, summary
"""
ONE = "from {0}.thing import Thing\nONE = Thing('one', 'the first')\n"
TWO = "from {0}.thing import Thing\nfrom {0}.one import ONE\nTWO = Thing('two', 'the second')\n"


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A catalogue of a package with these modules, given as source."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(**modules: str) -> Catalogue[Any]:
        name = f"{tmp_path.name}_things"
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", "thing": MEASURE, **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(text.format(name) if module != "thing" else text)
        importlib.invalidate_caches()
        return Catalogue("thing", name, f"{name}.thing:Thing")

    return make


def plug_in(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(catalogue, "plugins", lambda: points)


def test_an_object_is_found_where_it_stands(things: Any) -> None:
    found = things(one=ONE, two=TWO)
    assert found.names() == ["one", "two"]
    assert found.find("two").summary == "the second"
    assert [each.name for each in found.all()] == ["one", "two"]


def test_what_a_module_imports_of_another_counts_once(things: Any) -> None:
    assert len(things(one=ONE, two=TWO).found) == 2


def test_what_is_reported_of_each(things: Any) -> None:
    found = things(one=ONE, two=TWO)
    assert [(entry.name, entry.summary) for entry in found.entries()] == [("one", "the first"), ("two", "the second")]
    assert found.describe("one").origin == f"{found.package}.one:ONE"
    assert found.describe("one").options is None


def test_an_unknown_name_is_reported_with_the_nearest_or_all(things: Any) -> None:
    found = things(one=ONE, two=TWO)
    with pytest.raises(RegistryError, match=r"^unknown thing 'tow'\. Did you mean 'two'\?$"):
        found.find("tow")
    with pytest.raises(RegistryError, match=r"^unknown thing 'xyz'\. Choose from one, two\.$"):
        found.describe("xyz")


def test_a_name_that_is_taken_twice_is_reported_with_both_places(things: Any) -> None:
    again = "from {0}.thing import Thing\nAGAIN = Thing('one', 'another')\n"
    found = things(one=ONE, again=again)
    with pytest.raises(RegistryError) as error:
        found.names()
    package = found.package
    assert str(error.value) == f"thing 'one' is registered twice: {package}.again:AGAIN and {package}.one:ONE."


def test_plug_ins_are_found_by_their_group(things: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = things(one=ONE)
    (tmp_path / "plugged.py").write_text(
        f"from {found.package}.thing import Thing\nMINE = Thing('mine', 'a plug-in')\n"
    )
    plug_in(
        monkeypatch,
        EntryPoint("mine", "plugged:MINE", "pali3kit.thing"),
        EntryPoint("other", "nowhere:OTHER", "pali3kit.gadget"),
    )
    assert found.names() == ["mine", "one"]
    assert [each.name for each in found.plugins()] == ["mine"]
    assert not found.describe("mine").built_in and found.describe("mine").origin == "plugged:MINE"


def test_a_plug_in_may_not_take_the_name_of_ours(things: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = things(one=ONE)
    (tmp_path / "taking.py").write_text(f"from {found.package}.thing import Thing\nMINE = Thing('one', 'a plug-in')\n")
    plug_in(monkeypatch, EntryPoint("one", "taking:MINE", "pali3kit.thing"))
    with pytest.raises(RegistryError, match=rf"registered twice: {found.package}\.one:ONE and taking:MINE\.$"):
        found.find("one")


BROKEN = {
    "": r"AttributeError: module 'plugged' has no attribute 'MINE'",
    "MINE = 3": "it is not a Thing, as a thing should be",
    "MINE = (": r"SyntaxError: '\(' was never closed \(plugged\.py, line 1\)",
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "MINE = Thing('mine', sumary='')": r"TypeError: .*unexpected keyword argument 'sumary'",
    "MINE = Thing('yours', 'a plug-in')": "its name is 'yours'",
    "raise RuntimeError": "RuntimeError: RuntimeError",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_plug_in_that_cannot_be_loaded_is_an_error_where_it_is_used(
    things: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    found = things(one=ONE)
    head = f"from {found.package}.thing import Thing; " if "Thing" in text else ""
    (tmp_path / "plugged.py").write_text(head + text)
    monkeypatch.delitem(sys.modules, "plugged", raising=False)
    plug_in(monkeypatch, EntryPoint("mine", "plugged:MINE", "pali3kit.thing"))
    assert found.names() == ["one"] and [each.name for each in found.all()] == ["one"]
    for ask in (found.find, found.describe):
        with pytest.raises(
            RegistryError, match=rf"^thing 'mine' cannot be loaded from plugged:MINE: {BROKEN[text]}\.$"
        ):
            ask("mine")
    assert [(entry.name, bool(entry.wrong)) for entry in found.entries()] == [("mine", True), ("one", False)]


def test_a_broken_plug_in_may_not_take_the_name_of_ours(things: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, EntryPoint("one", "nowhere:MINE", "pali3kit.thing"))
    with pytest.raises(RegistryError, match=r"registered twice: .*\.one:ONE and nowhere:MINE\.$"):
        things(one=ONE).names()


def test_an_object_of_a_class_of_that_kind_counts(things: Any) -> None:
    text = "from {0}.thing import Thing\nclass Other(Thing): ...\nTWO = Other('two', 'of another class')\n"
    assert things(one=ONE, two=text).names() == ["one", "two"]


def test_it_is_looked_for_once(things: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = things(one=ONE)
    found.names()
    plug_in(monkeypatch, EntryPoint("mine", "nowhere:MINE", "pali3kit.thing"))
    assert found.names() == ["one"]


@dataclass
class Section:
    """Options."""

    size: int = 3


def test_the_options_of_a_kind_of_stage_are_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = STAGE.found["mask_tokenizer"]
    monkeypatch.setitem(STAGE.found, "mine", (replace(found, options=Section), "plugin:MINE"))
    assert STAGE.describe("mine").options is Section
    assert STAGE.describe("mask_tokenizer").options is None


def test_all_that_can_be_listed() -> None:
    assert {"vision", "metric", "optimizer", "benchmark", "stage"} <= CATALOGUES.keys()
    for kind, each in CATALOGUES.items():
        assert each.kind == kind and each.entries() and all(entry.summary for entry in each.entries()), kind


def test_the_built_in_ones_are_no_plug_ins() -> None:
    assert all(entry.built_in for one in (BENCHMARK, STAGE) for entry in one.entries())


def test_they_are_described_without_torch() -> None:
    code = (
        "import sys; from pali3kit.catalogue import BENCHMARK, STAGE; BENCHMARK.entries(); STAGE.entries();"
        " assert not {'torch', 'numpy', 'lightning'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
