"""Words that were replaced by the field's standard terms, and must not come back.

Identifiers are checked in the package, its tests and `speed/` (names, attributes, arguments, keywords, modules), prose
in docstrings, comments and the documentation. Other strings are data and not checked, nor are the files in `EXEMPT`.

    python tests/test_words.py      # lists all occurrences
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from pali3kit.catalogue import BENCHMARK, CATALOGUES, STAGE
from pali3kit.config.kinds import keys
from pali3kit.config.renamed import RENAMED_NAMES
from pali3kit.config.schema import Experiment, Pretrain
from pali3kit.config.suggestions import new_key, new_name
from pali3kit.plan.kinds.kind import StageKind

CHECKOUT = Path(__file__).parents[1]
EXEMPT = ("tests/test_words.py", "pali3kit/config/renamed.py", "tests/config/test_renamed.py", "CHANGELOG.md")

NAMES = {
    "Complaint": "KeyProblem", "Cost": "StageCost", "Drawn": "StepExamples", "HeldOutLoss": "EvalResult",
    "HfTowers": "HfDualEncoder", "Lasting": "failsafe_output", "MISFITS": "CHECKS", "Measured": "EvalResult",
    "OPTIONAL_PART": "OPTIONAL_COMPONENT", "OpenClipTowers": "OpenClipDualEncoder", "Part": "Component",
    "PlainPart": "PlainComponent", "Score": "EvalResult", "Shelf": "ArtifactReader", "Sight": "ImageSource",
    "TrainedTowers": "TrainedDualEncoder", "Weight": "MemoryProfile", "build_part": "build_component",
    "captioned_pictures": "captioned_fields", "create_masks": "create_mask_tokenizer",
    "create_towers": "create_dual_encoder", "describe_towers": "save_text_tower", "die_with": "die_with_parent",
    "facts_of": "arguments_of", "fastest_seconds": "min_seconds", "hold_frozen": "keep_frozen_in_eval_mode",
    "is_part": "is_component", "list_masks": "list_mask_tokenizer", "list_towers": "list_dual_encoder",
    "listing": "record_skipped", "missized": "find_damage", "most_bad": "max_bad_fraction",
    "most_tokens": "max_tokens_per_microbatch", "offers": "available_tasks", "parted": "split_held_out",
    "ports": "check_compatibility", "read_parts": "read_config", "recompute": "gradient_checkpointing",
    "rehearse": "dry_run", "settle": "seed_and_set_threads", "sieve": "text_filter", "sieves": "text_filters",
    "sighted": "uses_image", "spendable": "check_budget", "splits_tested": "labelled_test_splits",
    "spreadable": "check_devices", "supervising": "supervised_part", "supply": "check_data", "task_recipe": "recipe_of",
    "taught": "check_trained", "tells": "annotations", "unweighed": "problem", "write_parts": "write_config",
}  # fmt: skip
"""Identifiers, with what to say instead."""
DEFINITIONS = {
    "common": "common_parent", "existing": "require_path", "given": "check_weights", "paired": "check_pairs",
    "see": "encode_images", "taken": "drain",
}  # fmt: skip
"""Names of functions and classes of the package: as variables they are ordinary words."""
STEMS = {
    r"pictur\w*": "image", r"weigh(ed|ing|s)?|unweighed": "profile", r"rehears\w*": "dry_run",
}  # fmt: skip
"""Words within identifiers, such as `picture` in `load_pictures` and `PictureError`."""
MODULES = {
    "config/given.py": "config/check_weights.py", "config/offers.py": "config/available_tasks.py",
    "config/part.py": "config/component.py", "config/ports.py": "config/check_compatibility.py",
    "config/supply.py": "config/check_data.py", "models/towers.py": "models/dual_encoder.py",
    "plan/kinds/masks.py": "plan/kinds/mask_tokenizer.py", "training/parts.py": "training/components.py",
    "training/pictures.py": "training/pretraining_images.py",
    "training/stages/masks.py": "training/stages/mask_tokenizer.py",
    "training/weighing.py": "training/memory_profile.py",
}  # fmt: skip
PROSE = {
    r"pictures?": "image", r"Sight|sighted": "ImageSource, uses_image", r"Shelf": "ArtifactReader",
    r"MISFITS": "CHECKS", r"[Cc]omplaints?": "problem", r"rehears\w+": "dry run", r"[Ww]eighed": "profiled",
    r"sieves?": "text filter", r"HeldOutLoss": "EvalResult", r"most_bad": "max_bad_fraction",
    r"most_tokens": "max_tokens_per_microbatch", r"data\.columns": "data.tasks",
    r"runtime\.(ranks|loaders|workers|recompute)": "devices, num_workers, parallel_stages, gradient_checkpointing",
    r"(model|stages)\.masks": "mask_tokenizer", r"model\.towers": "dual_encoder",
}  # fmt: skip

FIELDS = ("id", "attr", "arg", "name", "asname", "module", "rest")
"""The fields of syntax nodes that hold identifiers."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def sources() -> list[tuple[str, str, ast.Module]]:
    """Path, text and syntax tree of every Python file that is checked."""
    files = [file for folder in ("pali3kit", "tests", "speed") for file in sorted((CHECKOUT / folder).rglob("*.py"))]
    paths = {file.relative_to(CHECKOUT).as_posix(): file.read_text(encoding="utf-8") for file in files}
    return [(path, text, ast.parse(text)) for path, text in paths.items() if path not in EXEMPT]


@cache
def identifiers(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and text of every identifier; a dotted name as its parts."""
    found = []
    for node in ast.walk(tree):
        texts = [value for field in FIELDS if isinstance(value := getattr(node, field, None), str)]
        texts += node.names if isinstance(node, ast.Global | ast.Nonlocal) else []
        found += [(getattr(node, "lineno", 1), each) for text in texts for each in text.split(".")]
    return found


def misnamed(names: Mapping[str, str]) -> Iterator[str]:
    for path, _, tree in sources():
        yield from (f"{path}:{line}: {name}, say {names[name]}" for line, name in identifiers(tree) if name in names)


def misnamed_within(stems: Mapping[str, str]) -> Iterator[str]:
    for path, _, tree in sources():
        for line, name in identifiers(tree):
            words = [word.lower() for word in WORD.findall(name)]
            said = [say for stem, say in stems.items() if any(re.fullmatch(stem, word) for word in words)]
            yield from (f"{path}:{line}: {name}, say {say}" for say in said)


def misnamed_modules(modules: Mapping[str, str]) -> Iterator[str]:
    paths = {path for path, _, _ in sources()}
    yield from (f"pali3kit/{module}, say {say}" for module, say in modules.items() if f"pali3kit/{module}" in paths)


def prose(text: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a Python file, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from enumerate(node.value.value.splitlines(), node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def misworded(words: Mapping[str, str]) -> Iterator[str]:
    pattern = re.compile("|".join(rf"\b(?:{word})\b" for word in words))
    pages = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("docs/tutorials/*.md")]
    texts = {page.relative_to(CHECKOUT).as_posix(): page.read_text(encoding="utf-8") for page in sorted(pages)}
    lines = [(path, enumerate(text.splitlines(), 1)) for path, text in texts.items() if path not in EXEMPT]
    lines += [(path, prose(text, tree)) for path, text, tree in sources() if pattern.search(text)]
    for path, numbered in lines:
        for line, text in numbered:
            for found in pattern.finditer(text):
                say = next(say for word, say in words.items() if re.fullmatch(word, found[0]))
                yield f"{path}:{line}: {found[0]}, say {say}"


def misnamed_definitions(names: Mapping[str, str]) -> Iterator[str]:
    for path, _, tree in sources():
        for node in ast.walk(tree) if path.startswith("pali3kit/") else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in names:
                yield f"{path}:{node.lineno}: {node.name}, say {names[node.name]}"


def occurrences() -> list[str]:
    """All replaced words that are still there."""
    return [
        *misnamed(NAMES),
        *misnamed_definitions(DEFINITIONS),
        *misnamed_within(STEMS),
        *misnamed_modules(MODULES),
        *misworded(PROSE),
    ]


def test_replaced_words_do_not_come_back() -> None:
    found = occurrences()
    assert not found, "\n".join([f"{len(found)} replaced words:", *found[:50]])


def test_renamed_keys_and_names_do_not_come_back() -> None:
    """Keys of the schema, benchmarks, kinds of components and stages, and choices, by the tables of old names."""
    assert not [key for key in keys(Experiment) if new_key(key)]
    names = {"benchmark": BENCHMARK.names(), "stage": STAGE.names(), "kind": list(CATALOGUES)}
    names["pretrain"] = list(get_args(Pretrain))
    assert RENAMED_NAMES.keys() <= names.keys()
    assert not [name for where, known in names.items() for name in known if new_name(where, name)]


@pytest.mark.parametrize("old", ["spread", "passes", "recomputes"])
def test_fields_of_kinds_of_stages_keep_their_standard_names(old: str) -> None:
    assert old not in {field.name for field in fields(StageKind)}


def test_identifiers_are_found_wherever_they_stand() -> None:
    text = "import a.b as c\ndef d(e, *, f: g = 1) -> None:\n    global h\n    i.j(k=f'{l}')\nclass M(n.O): p: q\n"
    names = {name for _, name in identifiers(ast.parse(text))}
    assert names == set("abcdefghijklMnOpq")


@pytest.mark.parametrize("name", ["pictures", "load_picture", "PictureError", "_PICTURED"])
def test_words_are_found_within_identifiers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "sources", lambda: [("x.py", name, ast.parse(f"{name} = 1"))])
    assert list(misnamed_within(STEMS)) == [f"x.py:1: {name}, say image"]
    assert list(misnamed_within({"pic": "image"})) == []


def test_prose_is_docstrings_and_comments() -> None:
    text = '"""One\n\ntwo."""\nx = "data"  # three\n'
    assert [line for line in prose(text, ast.parse(text)) if line[1]] == [(1, "One"), (3, "two."), (4, "# three")]


if __name__ == "__main__":
    listed = occurrences()
    print(*listed, f"{len(listed)} occurrences", sep="\n")
