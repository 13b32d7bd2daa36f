"""From a stage's plain config to the objects that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pali3kit.config.schema import Optimizer, Part, Training
from pali3kit.data.source import Source
from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.registry import LANGUAGE, MASKS, PROJECTOR, SOURCE, VISION, Registry
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import load_weights

Config = Mapping[str, Any]
Budget = TypeVar("Budget", bound=Training)


def build_part(registry: Registry, part: Config, **shared: Any) -> Any:
    """The part `{"name": ..., **options}`, built with its options and what its surroundings dictate."""
    options = {key: value for key, value in part.items() if key != "name"}
    return registry.build(part["name"], **shared, **options)


def build_source(config: Config) -> Source:
    """The source of records, with pictures of `config["image_size"]` pixels."""
    return build_part(SOURCE, config["source"], image_size=config["image_size"])  # type: ignore[no-any-return]


def build_vision(config: Config, weights: Path | None = None) -> ViT:
    """The vision encoder of `config`, with the weights of an artifact folder if one is given."""
    vision: ViT = build_part(VISION, config["vision"], image_size=config["image_size"])
    if weights is not None:
        load_weights(vision, weights / "weights.safetensors")
    return vision


def build_language(config: Config, tokenizer: Tokenizer, weights: Path | None = None) -> UL2:
    """The language model of `config` over the tokenizer's ids."""
    language: UL2 = build_part(LANGUAGE, config["language"], vocabulary=len(tokenizer))
    if weights is not None:
        load_weights(language, weights / "weights.safetensors")
    return language


def build_projector(config: Config, vision_width: int, language_width: int) -> Any:
    """The projector between two widths."""
    return build_part(PROJECTOR, config["projector"], vision_width=vision_width, language_width=language_width)


def build_masks(config: Config, weights: Path) -> MaskVQVAE:
    """The trained mask tokenizer, frozen."""
    masks: MaskVQVAE = build_part(MASKS, config["masks"])
    load_weights(masks, weights / "weights.safetensors")
    return masks.eval().requires_grad_(False)


def read_tokenizer(folder: Path, codes: int) -> Tokenizer:
    """The tokenizer that the tokenizer stage published in `folder`."""
    return Tokenizer(folder / "tokenizer.model", codes=codes)


def read_budget(cls: type[Budget], section: Config) -> Budget:
    """A section of `stages` as its dataclass again."""
    values = {field.name: section[field.name] for field in fields(cls) if field.name in section}
    values["optimizer"] = Optimizer(**section["optimizer"])
    if "text" in values:
        options = {key: value for key, value in section["text"].items() if key != "name"}
        values["text"] = Part(name=section["text"]["name"], options=options)
    return cls(**values)
