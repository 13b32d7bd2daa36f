"""Build components from a stage's config, and read and write the models of artifacts.

Every artifact with weights describes its components in `parts.json`, so that it can be rebuilt from its folder alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from pali3kit.config.part import Part
from pali3kit.data.source import Source
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.contract import LanguageModel
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLI
from pali3kit.models.trained import TrainedTowers
from pali3kit.models.two_towers import TwoTowers
from pali3kit.plan.plain import component_json
from pali3kit.registry import LANGUAGE, MASKS, PROJECTOR, SOURCE, TEXT_TOWER, VISION, Registry
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import Execution
from pali3kit.types import Json, Named
from pali3kit.vision.contract import VisionEncoder
from pali3kit.weights.files import load_weights, save_weights

DEFAULT_EXECUTION = Execution()
ENCODER = "vision.safetensors"  # the vision encoder in an artifact whose weights are PaLI's
T = TypeVar("T")


def build_part(registry: Registry[T], part: Named, **shared: object) -> T:
    """Build the component `{"name": ..., **options}` with its options and those that its context fixes."""
    options = {key: value for key, value in part.items() if key != "name"}
    return registry.build(str(part["name"]), **shared, **options)


def build_source(source: Named, image_size: int | None = None) -> Source:
    """Build a source of records, with images of `image_size` pixels if given."""
    return build_part(SOURCE, source, **({} if image_size is None else {"image_size": image_size}))


def build_vision(vision: Named, image_size: int) -> VisionEncoder:
    """Build a vision encoder, with random weights or those that its options name."""
    return build_part(VISION, vision, image_size=image_size)


def build_language(language: Named, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> LanguageModel:
    """Build a language model over the tokenizer's ids, with random weights or those that its options name.

    Raises ConfigError if model and tokenizer end texts with different ids.
    """
    model = build_part(LANGUAGE, language, vocabulary=len(tokenizer))
    if model.eos_id != tokenizer.eos_id:
        ids = f"ends texts with id {model.eos_id}, the tokenizer with {tokenizer.eos_id}"
        raise ConfigError([f"model.language {language['name']} {ids}: they do not fit together."])
    model.attention, model.checkpointing = execution.attention, execution.recompute
    return model


def build_pali(projector: Named, vision_width: int, language: LanguageModel) -> PaLI:
    """Build PaLI around `language`, for cached visual tokens of `vision_width`."""
    widths = {"vision_width": vision_width, "language_width": language.width}
    return PaLI(None, build_part(PROJECTOR, projector, **widths), language)


def describe_towers(towers: TwoTowers, text: Part) -> Mapping[str, Json]:
    """The entry of `parts.json` for `towers.safetensors`: the text tower's options and sizes."""
    shape = towers.text.positions.shape
    sizes = {"vocabulary": towers.text.embedding.num_embeddings, "length": shape[1], "out": towers.vision.width}
    return {"text": component_json(text), **sizes}


def _read_two_towers(folder: Path) -> TwoTowers:
    """Both towers of a vision artifact of SigLIP. Raises WeightsError for any other."""
    parts = read_parts(folder)
    if "towers" not in parts:
        raise WeightsError(f"{folder} holds an encoder without a text tower: only pretrain 'siglip' trains one")
    sizes = dict(parts["towers"])
    text = build_part(TEXT_TOWER, sizes.pop("text"), **sizes)
    towers = TwoTowers(build_vision(parts["vision"], parts["image_size"]), text)
    load_weights(towers, folder / "towers.safetensors")
    return towers.eval()


def read_trained_towers(folder: Path, tokenizer: Path) -> TrainedTowers:
    """The towers of a vision or LiT artifact, with the tokenizer of the artifact `tokenizer`."""
    return TrainedTowers(_read_two_towers(folder), read_tokenizer(tokenizer)).eval()


def read_classifier(folder: Path) -> Classifier:
    """The classifier of a fine-tuning artifact."""
    parts = read_parts(folder)
    classifier = Classifier(build_vision(parts["vision"], parts["image_size"]), parts["classes"])
    load_weights(classifier, folder / "weights.safetensors")
    return classifier.eval()


def save_model(folder: Path, module: nn.Module, writes: bool = True, **parts: Json) -> None:
    """Write `module`'s weights and `parts.json`. All ranks must call this; `writes` is True on one."""
    save_weights(module, folder / "weights.safetensors", writes)
    if writes:
        write_parts(folder, **parts)


def save_load_report(module: nn.Module, folder: Path) -> None:
    """Write the load report of `module` as `load.json`, if pretrained weights were loaded."""
    if (report := getattr(module, "load_report", None)) is not None:
        (folder / "load.json").write_text(json.dumps(report.as_dict(), indent=1))


def without_pretrained(part: Named) -> Named:
    """A component's options without its pretrained weights, which a reader of the artifact must not load again."""
    return {key: value for key, value in part.items() if key not in ("pretrained", "weights", "allow")}


def write_parts(folder: Path, **parts: Json) -> None:
    """Write `parts.json`."""
    (folder / "parts.json").write_text(json.dumps(parts, indent=1, sort_keys=True))


def read_parts(folder: Path) -> dict[str, Any]:
    """The content of `parts.json`. Raises WeightsError if there is none."""
    try:
        parts: dict[str, Any] = json.loads((folder / "parts.json").read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder} is not an artifact with weights: {error}") from error
    return parts


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a tokenizer artifact."""
    parts = read_parts(folder)
    return Tokenizer(folder / "tokenizer.model", codes=parts["codes"], rows=parts.get("rows"))


def read_vision(folder: Path, image_size: int | None = None) -> VisionEncoder:
    """The encoder of a vision or stage 2 artifact; with `image_size`, its positions are resampled to that size."""
    parts = read_parts(folder)
    own = parts["image_size"]
    size = image_size or own
    vision = build_vision(parts["vision"], size)
    file = folder / (ENCODER if (folder / ENCODER).exists() else "weights.safetensors")
    if size == own:
        load_weights(vision, file)
    else:
        load_weights(vision, file, lambda tensors: vision.resample_positions(tensors, vision.grid(own)))
    return vision.eval()


def read_masks(folder: Path) -> MaskVQVAE:
    """The trained mask tokenizer, frozen."""
    masks: MaskVQVAE = build_part(MASKS, read_parts(folder)["masks"])
    load_weights(masks, folder / "weights.safetensors")
    return masks.eval().requires_grad_(False)


def read_language(folder: Path, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> LanguageModel:
    """The model of a language artifact."""
    language = build_language(read_parts(folder)["language"], tokenizer, execution)
    load_weights(language, folder / "weights.safetensors")
    return language


def read_pali(folder: Path, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> PaLI:
    """The projector and language model of a multimodal or transfer artifact."""
    parts = read_parts(folder)
    language = build_language(parts["language"], tokenizer, execution)
    model = build_pali(parts["projector"], parts["vision_width"], language)
    load_weights(model, folder / "weights.safetensors")
    return model
