"""Zero-shot prompts: big_vision's canonical form, case by case, and open_clip's sets."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import open_clip
import pytest

from pali3kit.config.schema import Prompts
from pali3kit.errors import DataError
from pali3kit.text.zero_shot import _canonical, _templates, class_prompts


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("test_test", "test test"),
        ("test___test", "test test"),
        ("test.", "test"),
        (" test ", "test"),
        ("test\ntest", "test test"),
        ("test  {}...", "test"),
        ("A bad photo of the T-Shirt!", "a bad photo of the tshirt"),
        ("Ångström’s café", "ångström’s café"),  # ASCII's punctuation alone
    ],
)
def test_canonical(written: str, expected: str) -> None:
    assert _canonical(written) == expected == _canonical(expected)


def test_what_is_kept() -> None:
    assert _canonical(" Test  {}...", keep="{}") == "test {}"
    assert _canonical("a {b} {}{}, {", keep="{}") == "a b {}{}"


def test_sets() -> None:
    assert sorted(get_args(Prompts)) == ["class_name", "clip", "clip_best", "photo"]
    assert _templates("class_name") == ["{}"] and _templates("photo") == ["a photo of a {}."]
    assert len(_templates("clip")) == 80 and len(_templates("clip_best")) == 7
    assert _templates("clip")[0] == "a bad photo of a {}." and "itap of a {}." in _templates("clip_best")
    assert all(template.count("{}") == 1 for name in get_args(Prompts) for template in _templates(name))


def test_prompts() -> None:
    names = ["tench, Tinca tinca", "T-shirt"]
    assert class_prompts("class_name", names) == [["tench"], ["tshirt"]]
    assert class_prompts("photo", names) == [["a photo of a tench"], ["a photo of a tshirt"]]
    theirs = [template("T-shirt") for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    assert class_prompts("clip", ["T-shirt"]) == [list(map(_canonical, theirs))]


def test_an_unknown_set() -> None:
    with pytest.raises(DataError, match=r"no set of prompts 'clip_bset'\. Did you mean 'clip_best'\?"):
        class_prompts("clip_bset", [])


def test_names_are_known_before_torch() -> None:
    code = (
        "import sys, pali3kit.text.zero_shot as z; z.class_prompts('photo', ['cat']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_prompts_that_are_not_cleaned_are_as_they_are_written() -> None:
    [[prompt]] = class_prompts("photo", ["St. Bernard, dog"], canonical=False)
    assert prompt == "a photo of a St. Bernard."
    assert class_prompts("photo", ["St. Bernard, dog"]) == [["a photo of a st bernard"]]
