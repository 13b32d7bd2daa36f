"""Named shapes of vision transformers and language models, free of torch, and the shapes in `config.json` files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pali3kit.errors import ConfigError, choose


@dataclass(frozen=True, slots=True)
class VitShape:
    """Width D, number of blocks, attention heads, hidden size of the MLP, side of a patch in pixels."""

    width: int
    depth: int
    heads: int
    mlp: int
    patch: int

    @staticmethod
    def of(size: str | None = None, **numbers: int | None) -> VitShape:
        """Return the ViT called `size`, or the one spelled out in `numbers`, the fields above.

        Raises ConfigError when the size is unknown, when it is contradicted by numbers, or when a number is missing.
        """
        return _resolve("vit", "B/16", VitShape, VIT_SHAPES, size, numbers)

    @staticmethod
    def of_options(options: Mapping[str, Any]) -> VitShape:
        """The shape that the options of a `vit` say. Raises ConfigError as `of` does."""
        return VitShape.of(**{key: options[key] for key in ("size", *VitShape.__slots__)})


VIT_SHAPES: dict[str, VitShape] = {  # paper.md §1.2, after big_vision `models/vit.py: decode_variant`
    "Ti/16": VitShape(192, 12, 3, 768, 16),
    "S/16": VitShape(384, 12, 6, 1536, 16),
    "B/16": VitShape(768, 12, 12, 3072, 16),
    "L/16": VitShape(1024, 24, 16, 4096, 16),
    "So400m/14": VitShape(1152, 27, 16, 4304, 14),
    "g/14": VitShape(1408, 40, 16, 6144, 14),
    "g-opt/14": VitShape(1536, 40, 16, 6144, 14),
    "g-opt/16": VitShape(1536, 40, 16, 6144, 16),
    "G/14": VitShape(1664, 48, 16, 8192, 14),
    "G-opt/14": VitShape(1536, 48, 16, 8192, 14),
    "e/14": VitShape(1792, 56, 16, 15360, 14),
}


@dataclass(frozen=True, slots=True)
class LanguageShape:
    """Width D, layers of encoder and decoder, attention heads and the width of one, hidden size of the feed-forward."""

    width: int
    encoder_depth: int
    decoder_depth: int
    heads: int
    head_width: int
    mlp: int

    @staticmethod
    def of(size: str | None = None, **numbers: int | None) -> LanguageShape:
        """Return the language model called `size`, or the one spelled out in `numbers`; errors as of `VitShape.of`."""
        return _resolve("language model", "base", LanguageShape, LANGUAGE_SHAPES, size, numbers)


LANGUAGE_SHAPES: dict[str, LanguageShape] = {  # T5.1.1's (t5x `t5_1_1/*.gin`), and UL2-20B's (paper.md §1.4)
    "tiny": LanguageShape(256, 4, 4, 4, 64, 512),
    "small": LanguageShape(512, 8, 8, 6, 64, 1024),
    "base": LanguageShape(768, 12, 12, 12, 64, 2048),
    "large": LanguageShape(1024, 24, 24, 16, 64, 2816),
    "3B": LanguageShape(2048, 24, 24, 32, 64, 5120),
    "11B": LanguageShape(4096, 24, 24, 64, 64, 10240),
    "20B": LanguageShape(4096, 32, 32, 16, 256, 16384),
}


Shape = TypeVar("Shape", VitShape, LanguageShape)


def _resolve(
    what: str, example: str, kind: type[Shape], shapes: Mapping[str, Shape], size: str | None,
    numbers: Mapping[str, int | None],
) -> Shape:  # fmt: skip
    given = {key: value for key, value in numbers.items() if value is not None}
    if size is None:
        missing = [field.name for field in fields(kind) if field.name not in given]
        if missing:
            raise ConfigError([f"a {what} needs a size such as '{example}', or also {', '.join(missing)}."])
        return kind(**given)
    if size not in shapes:
        raise ConfigError([f"unknown {what} size '{size}'.{choose(size, shapes)}"])
    shape = shapes[size]
    differing = [key for key, value in given.items() if asdict(shape)[key] != value]
    if differing:
        raise ConfigError([f"{what} size '{size}' already sets {', '.join(differing)}: leave out one or the other."])
    return shape


NORM_EPS = 1e-6
KIND = {"activation": "silu", "gated": True, "tied": False, "buckets": 32, "max_distance": 128, "epsilon": NORM_EPS}
"""The other defaults of our language model."""
# transformers' names of T5's feed-forwards and our activations: "gelu" is exact without a gate, tanh with one.
FEEDS = {
    "relu": "relu", "gelu": "gelu_exact", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu", "silu": "silu",
    "swish": "silu", "gated-relu": "relu", "gated-gelu": "gelu", "gated-gelu_new": "gelu",
    "gated-gelu_pytorch_tanh": "gelu", "gated-silu": "silu", "gated-swish": "silu",
}  # fmt: skip
LARGEST, DEEPEST = 1 << 17, 1000  # more than any model has: a damaged file must not make us run out of memory


def contradicted(
    described: Mapping[str, object], size: str | None, numbers: Mapping[str, int | None], kind: Mapping[str, object]
) -> dict[str, object]:
    """Return the options that differ from `described`, by `read_t5`; None and the defaults of `KIND` do not count."""
    given: dict[str, object] = asdict(LanguageShape.of(size, **numbers)) if size else dict(numbers)
    given |= {key: value for key, value in kind.items() if value != KIND[key]}
    return {key: value for key, value in given.items() if value not in (None, described[key])}


def read_t5(folder: Path) -> dict[str, int | float | str]:
    """Return our options for the T5, T5 v1.1, Flan-T5, mT5 or UL2 in a folder of transformers, from its `config.json`.

    Raises ConfigError when there is no such file, or it describes another model.
    """
    file = folder / "config.json"
    try:
        config = json.loads(file.read_bytes())
        kind = config["model_type"]
        if kind not in ("t5", "mt5"):
            raise ConfigError([f"{file} is of model_type '{kind}': ul2 reads t5 and mt5; take hf/{folder} for others."])
        feed = config.get("feed_forward_proj", "relu" if kind == "t5" else "gated-gelu")
        if feed not in FEEDS:
            raise ConfigError([f"{file}: feed_forward_proj '{feed}' is not supported.{choose(feed, FEEDS)}"])
        buckets = _whole(config, "relative_attention_num_buckets", 32, least=4)
        scaled = config.get("scale_decoder_outputs", config.get("tie_word_embeddings") is not False)
        return {
            "width": _whole(config, "d_model"),
            "encoder_depth": _whole(config, "num_layers", most=DEEPEST),
            "decoder_depth": _whole(config, "num_decoder_layers", config["num_layers"], most=DEEPEST),
            "heads": _whole(config, "num_heads"),
            "head_width": _whole(config, "d_kv"),
            "mlp": _whole(config, "d_ff"),
            "activation": FEEDS[feed],
            "gated": feed.startswith("gated"),
            "tied": kind == "t5" and scaled,
            "buckets": buckets,
            "max_distance": _whole(config, "relative_attention_max_distance", 128, least=buckets // 2 + 1),
            "epsilon": _small(config, "layer_norm_epsilon", NORM_EPS),
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigError([f"{file} does not describe a T5: {error!r}"]) from error


def _whole(
    config: Mapping[str, object], key: str, otherwise: object = None, least: int = 1, most: int = LARGEST
) -> int:
    """The whole number under `key`, or `otherwise` where there is none or null. Raises ValueError for any other."""
    value = otherwise if config.get(key) is None else config[key]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{key} is {value!r}, not a whole number from {least} to {most}")
    return value


def _small(config: Mapping[str, object], key: str, otherwise: float) -> float:
    value = config.get(key, otherwise)
    if not isinstance(value, float) or not 0 < value < 1:
        raise ValueError(f"{key} is {value!r}, not a number between 0 and 1")
    return value
