from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import Any

import pytest

from pali3kit.catalogue import STAGE
from pali3kit.declared.annotations import UNKNOWN_VALUE
from pali3kit.registry import KINDS, Registry


def names(registry: Registry[Any]) -> list[str]:
    """All names, with one member of every family."""
    return [name + "member" if name.endswith("/") else name for name in registry.names()]


ALL = [(kind, name) for kind, registry in KINDS.items() for name in names(registry)]
CONFIGURED = [(kind, name) for kind, name in ALL if KINDS[kind].given is not None]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_declared_target_exists_and_says_what_it_is(kind: str, name: str) -> None:
    assert callable(KINDS[kind].get(name))
    assert KINDS[kind].describe(name).summary


@pytest.mark.parametrize(("kind", "name"), CONFIGURED)
def test_options_are_read_as_python_reads_them(kind: str, name: str) -> None:
    entry = KINDS[kind].describe(name)
    parameters = list(inspect.signature(KINDS[kind].get(name)).parameters.values())[int(entry.name.endswith("/")) :]
    wanted = [parameter for parameter in parameters if parameter.name not in (entry.given or ())]
    options = entry.options
    assert options is not None
    assert [field.name for field in fields(options)] == [parameter.name for parameter in wanted]
    for field, parameter in zip(fields(options), wanted, strict=True):
        if field.default_factory is not MISSING:
            assert field.default_factory() == list(parameter.default), field.name
        else:
            assert (inspect.Parameter.empty if field.default is MISSING else field.default) == parameter.default


@pytest.mark.parametrize(("kind", "name"), CONFIGURED)
def test_all_that_a_file_can_say_is_judged_and_told(kind: str, name: str) -> None:
    options = KINDS[kind].describe(name).options
    assert options is not None and options.__doc__
    for field in fields(options):
        assert field.type is not Any and field.default is not UNKNOWN_VALUE, field.name


def test_the_stages_are_those_of_the_paper_and_their_helpers() -> None:
    assert STAGE.names() == [
        "classify", "corpus", "denoising", "embed", "evaluate", "features", "finetune", "knn", "language", "linear",
        "lit", "mask_tokenizer", "memory", "multimodal", "ocr", "probe", "reconstruction", "resolution", "retrieval",
        "saved", "throughput", "tokenizer", "transfer", "vision", "zero_shot",
    ]  # fmt: skip
