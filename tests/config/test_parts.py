from __future__ import annotations

import inspect
from dataclasses import MISSING, fields

import pytest

from pali3kit.registry import KINDS, LANGUAGE, MASKS, PROJECTOR, SOURCE, STAGE, TEXT_TOWER, VISION, Registry


def names(registry: Registry) -> list[str]:
    """All names, and some member of every family."""
    return [name + "member" if name.endswith("/") else name for name in registry.names()]


ALL = [(kind, name) for kind, registry in KINDS.items() for name in names(registry)]
BUILT_WITH_OPTIONS = [
    (registry, name)
    for registry in (VISION, PROJECTOR, LANGUAGE, MASKS, TEXT_TOWER, SOURCE)
    for name in names(registry)
    if registry.describe(name).options is not None
]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_declared_target_exists_and_says_what_it_is(kind: str, name: str) -> None:
    assert callable(KINDS[kind].get(name))
    assert KINDS[kind].describe(name).summary


@pytest.mark.parametrize(("registry", "name"), BUILT_WITH_OPTIONS, ids=lambda value: getattr(value, "kind", value))
def test_options_mirror_the_constructor(registry: Registry, name: str) -> None:
    parameters = inspect.signature(registry.get(name)).parameters
    options = registry.describe(name).options
    assert options is not None
    for field in fields(options):
        assert field.name in parameters
        default = parameters[field.name].default
        if field.default_factory is not MISSING:
            assert field.default_factory() == list(default), field.name
        else:
            assert (inspect.Parameter.empty if field.default is MISSING else field.default) == default, field.name


def test_the_stages_are_those_of_the_paper_and_their_helpers() -> None:
    assert STAGE.names() == [
        "classify", "denoising", "embed", "evaluate", "features", "finetune", "knn", "language", "linear", "lit",
        "masks", "multimodal", "probe", "resolution", "retrieval", "tokenizer", "transfer", "vision", "zero_shot",
    ]  # fmt: skip
