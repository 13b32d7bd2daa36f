from __future__ import annotations

import pytest

from pali3kit.config.shapes import VIT_SHAPES, VitShape, resolve
from pali3kit.errors import ConfigError

PARAMETERS = {  # backbone at 224 px without head, paper.md §1.2
    "B/16": 85_797_120,
    "L/16": 303_299_584,
    "So400m/14": 412_442_352,
    "g/14": 1_011_199_616,
    "G/14": 1_842_772_352,
    "e/14": 3_805_417_728,
}
NUMBERS = {"width": 8, "depth": 1, "heads": 2, "mlp": 16, "patch": 4}


@pytest.mark.parametrize("size", PARAMETERS)
def test_shapes_have_the_papers_parameter_counts(size: str) -> None:
    shape = resolve(size)
    d, m, positions = shape.width, shape.mlp, (224 // shape.patch) ** 2
    block = 4 * (d * d + d) + (d * m + m) + (m * d + d) + 4 * d
    total = 3 * shape.patch**2 * d + d + positions * d + shape.depth * block + 2 * d
    assert total == PARAMETERS[size]
    assert shape.width % shape.heads == 0


def test_numbers_or_a_size() -> None:
    assert resolve(**NUMBERS) == VitShape(**NUMBERS)
    assert resolve("B/16", width=None, patch=16) == VIT_SHAPES["B/16"]


@pytest.mark.parametrize(
    ("size", "numbers", "text"),
    [
        ("B/15", {}, "unknown vit size 'B/15'. Did you mean 'B/16'?"),
        ("B/16", {"width": 8, "patch": 16}, "vit size 'B/16' already says width: leave out one or the other."),
        (None, {"width": 8, "mlp": None}, "a vit needs a size such as 'B/16', or also depth, heads, mlp, patch."),
    ],
)
def test_refusals(size: str | None, numbers: dict[str, int | None], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        resolve(size, **numbers)
    assert str(error.value) == text
