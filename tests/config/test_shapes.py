from __future__ import annotations

import json
from pathlib import Path

import pytest

from pali3kit.config.shapes import VIT_SHAPES, VitShape, read_t5
from pali3kit.errors import ConfigError

PARAMETERS = {  # backbone at 224 px without head, paper.md §1.2
    "B/16": 85_797_120,
    "L/16": 303_299_584,
    "So400m/14": 412_442_352,
    "g/14": 1_011_199_616,
    "G/14": 1_842_772_352,
    "e/14": 3_805_417_728,
}
T5 = {"model_type": "t5", "d_model": 8, "num_layers": 1, "num_heads": 2, "d_kv": 4, "d_ff": 16}
NUMBERS = {"width": 8, "depth": 1, "heads": 2, "mlp": 16, "patch": 4}


@pytest.mark.parametrize("size", PARAMETERS)
def test_shapes_have_the_papers_parameter_counts(size: str) -> None:
    shape = VitShape.of(size)
    d, m, positions = shape.width, shape.mlp, (224 // shape.patch) ** 2
    block = 4 * (d * d + d) + (d * m + m) + (m * d + d) + 4 * d
    total = 3 * shape.patch**2 * d + d + positions * d + shape.depth * block + 2 * d
    assert total == PARAMETERS[size]
    assert shape.width % shape.heads == 0


def test_numbers_or_a_size() -> None:
    assert VitShape.of(**NUMBERS) == VitShape(**NUMBERS)
    assert VitShape.of("B/16", width=None, patch=16) == VIT_SHAPES["B/16"]


@pytest.mark.parametrize(
    ("size", "numbers", "text"),
    [
        ("B/15", {}, "unknown vit size 'B/15'. Did you mean 'B/16'?"),
        ("B/16", {"width": 8, "patch": 16}, "vit size 'B/16' already sets width: leave out one or the other."),
        (None, {"width": 8, "mlp": None}, "a vit needs a size such as 'B/16', or also depth, heads, mlp, patch."),
    ],
)
def test_refusals(size: str | None, numbers: dict[str, int | None], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        VitShape.of(size, **numbers)
    assert str(error.value) == text


def test_a_t5_as_transformers_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("\ufeff" + json.dumps(T5 | {"layer_norm_epsilon": 1e-5}))
    said = read_t5(tmp_path)
    assert said["activation"] == "relu" and said["decoder_depth"] == 1 and said["epsilon"] == 1e-5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"d_model": "8"}, "d_model is '8', not a whole number from 1 to 131072"),
        ({"d_model": 0}, "d_model is 0"), ({"d_ff": 2**40}, "d_ff is 1099511627776"), ({"d_kv": True}, "d_kv is True"),
        ({"num_layers": 10**4}, "num_layers is 10000, not a whole number from 1 to 1000"),
        ({"num_heads": [2]}, r"num_heads is \[2\]"), ({"num_heads": None}, "num_heads is None"),
        ({"relative_attention_num_buckets": 3}, "relative_attention_num_buckets is 3, not a whole number from 4"),
        ({"relative_attention_max_distance": 16}, "relative_attention_max_distance is 16, not a whole number from 17"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon is 0, not a number between 0 and 1"),
        ({"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon is nan"),
        ({"feed_forward_proj": "gated-tanh"}, "feed_forward_proj 'gated-tanh' is not supported"),
        ({"feed_forward_proj": ["relu"]}, "does not describe a T5"),
        ({"model_type": "bart"}, "is of model_type 'bart'"),
    ],
)  # fmt: skip
def test_a_config_that_is_damaged(change: dict[str, object], told: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(T5 | change))
    with pytest.raises(ConfigError, match=told):
        read_t5(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", "[" * 10**5, '{"model_type": "t5"}'])
def test_a_config_that_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"config.json does not describe a T5"):
        read_t5(tmp_path)
