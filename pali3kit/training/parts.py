"""From a stage's plain config, and from the artifacts of its parents, to the objects that it needs.

Every artifact with weights describes in `parts.json` what they fit, so that it can be rebuilt from its folder alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from pali3kit.config.schema import Optimizer, Part, Training
from pali3kit.data.source import Source
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLI
from pali3kit.models.trained import TrainedTowers
from pali3kit.models.two_towers import TwoTowers
from pali3kit.registry import LANGUAGE, MASKS, PROJECTOR, SOURCE, TEXT_TOWER, VISION, Registry
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import Execution
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import load_weights, save_weights

ALONE = Execution()
ENCODER = "vision.safetensors"  # the encoder of an artifact whose weights are PaLI's
Config = Mapping[str, Any]
Budget = TypeVar("Budget", bound=Training)


def build_part(registry: Registry[Any], part: Config, **shared: Any) -> Any:
    """The part `{"name": ..., **options}`, built with its options and what its surroundings dictate."""
    options = {key: value for key, value in part.items() if key != "name"}
    return registry.build(part["name"], **shared, **options)


def build_source(config: Config) -> Source:
    """The source of records, with pictures of `config["image_size"]` pixels where pictures matter."""
    size = {"image_size": config["image_size"]} if "image_size" in config else {}
    return build_part(SOURCE, config["source"], **size)  # type: ignore[no-any-return]


def build_vision(config: Config) -> ViT:
    """The vision encoder of `config`, with random weights."""
    return build_part(VISION, config["vision"], image_size=config["image_size"])  # type: ignore[no-any-return]


def build_language(config: Config, tokenizer: Tokenizer, execution: Execution = ALONE) -> UL2:
    """The language model of `config` over the tokenizer's ids, with random weights or those that it names."""
    language: UL2 = build_part(LANGUAGE, config["language"], vocabulary=len(tokenizer))
    if language.eos_id != tokenizer.eos_id:
        ids = f"ends at id {language.eos_id}, the tokenizer's texts at {tokenizer.eos_id}"
        raise ConfigError([f"model.language {config['language']['name']} {ids}: they do not belong together."])
    language.attention, language.checkpointing = execution.attention, execution.recompute
    return language


def build_pali(config: Config, vision_width: int, language: UL2) -> PaLI:
    """PaLI around `language`, for visual tokens of `vision_width` that come from a cache."""
    widths = {"vision_width": vision_width, "language_width": language.width}
    return PaLI(None, build_part(PROJECTOR, config["projector"], **widths), language)


def describe_towers(towers: TwoTowers, text: Part) -> dict[str, Any]:
    """What `towers.safetensors` fits beside the encoder: the text tower's part and sizes."""
    shape = towers.text.positions.shape
    sizes = {"vocabulary": towers.text.embedding.num_embeddings, "length": shape[1], "out": towers.vision.width}
    return {"text": {"name": text.name, **text.options}, **sizes}


def read_two_towers(folder: Path) -> TwoTowers:
    """Both towers of a vision artifact that SigLIP made. Raises WeightsError for any other."""
    parts = read_parts(folder)
    if "towers" not in parts:
        raise WeightsError(f"{folder} holds an encoder without a text tower: only pretrain 'siglip' leaves one")
    described = dict(parts["towers"])
    towers = TwoTowers(build_vision(parts), build_part(TEXT_TOWER, described.pop("text"), **described))
    load_weights(towers, folder / "towers.safetensors")
    return towers.eval()


def read_trained_towers(folder: Path, tokenizer: Path) -> TrainedTowers:
    """The towers of a vision or LiT artifact, with the tokenizer of another."""
    return TrainedTowers(read_two_towers(folder), read_tokenizer(tokenizer)).eval()


def read_classifier(folder: Path) -> Classifier:
    """The encoder of a fine-tuning, with its head."""
    parts = read_parts(folder)
    classifier = Classifier(build_vision(parts), parts["classes"])
    load_weights(classifier, folder / "weights.safetensors")
    return classifier.eval()


def publish(folder: Path, module: nn.Module, writes: bool = True, **parts: Any) -> None:
    """Write `module`'s weights and the description of what they fit; of several ranks, all call and one writes."""
    save_weights(module, folder / "weights.safetensors", writes)
    if writes:
        describe(folder, **parts)


def keep_report(part: nn.Module, folder: Path) -> None:
    """Write what loading somebody's weights into `part` did as `load.json`, if there were any."""
    if (report := getattr(part, "load_report", None)) is not None:
        (folder / "load.json").write_text(json.dumps(report.as_dict(), indent=1))


def without_weights(part: Config) -> dict[str, Any]:
    """A part as its artifact describes it: who reads that must not fetch its first weights again."""
    return {key: value for key, value in part.items() if key not in ("pretrained", "weights", "allow")}


def describe(folder: Path, **parts: Any) -> None:
    """Write `parts.json`."""
    (folder / "parts.json").write_text(json.dumps(parts, indent=1, sort_keys=True))


def read_parts(folder: Path) -> dict[str, Any]:
    """The description that `describe` wrote. Raises WeightsError when there is none."""
    try:
        parts: dict[str, Any] = json.loads((folder / "parts.json").read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder} is not an artifact with weights: {error}") from error
    return parts


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a tokenizer artifact."""
    parts = read_parts(folder)
    return Tokenizer(folder / "tokenizer.model", codes=parts["codes"], rows=parts.get("rows"))


def read_vision(folder: Path, image_size: int | None = None) -> ViT:
    """The encoder of a vision artifact, or of one of stage 2's; with `image_size` made to fit pictures of it."""
    parts = read_parts(folder)
    own = parts["image_size"]
    size = image_size or own
    vision = build_vision({**parts, "image_size": size})
    file = folder / (ENCODER if (folder / ENCODER).exists() else "weights.safetensors")
    if size == own:
        load_weights(vision, file)
    else:
        load_weights(vision, file, lambda found: vision.fitted(found, vision.grid(own)))
    return vision.eval()


def read_masks(folder: Path) -> MaskVQVAE:
    """The trained mask tokenizer, frozen."""
    masks: MaskVQVAE = build_part(MASKS, read_parts(folder)["masks"])
    load_weights(masks, folder / "weights.safetensors")
    return masks.eval().requires_grad_(False)


def read_language(folder: Path, tokenizer: Tokenizer, execution: Execution = ALONE) -> UL2:
    """The model of a language artifact."""
    language = build_language(read_parts(folder), tokenizer, execution)
    load_weights(language, folder / "weights.safetensors")
    return language


def read_pali(folder: Path, tokenizer: Tokenizer, execution: Execution = ALONE) -> PaLI:
    """The projector and language model of a multimodal or transfer artifact."""
    parts = read_parts(folder)
    model = build_pali(parts, parts["vision_width"], build_language(parts, tokenizer, execution))
    load_weights(model, folder / "weights.safetensors")
    return model


def read_budget(cls: type[Budget], section: Config) -> Budget:
    """A section of `stages` as its dataclass again."""
    values = {field.name: section[field.name] for field in fields(cls) if field.name in section}
    values["optimizer"] = Optimizer(**section["optimizer"])
    if "text" in values:
        options = {key: value for key, value in section["text"].items() if key != "name"}
        values["text"] = Part(name=section["text"]["name"], options=options)
    return cls(**values)
