"""Build components from a stage's config, and read and write the models of artifacts.

Every artifact with weights describes its components in `config.json`, so that it can be rebuilt from its folder alone.
No weight is stored twice: only LiT's artifact refers to another, whose encoder it was trained for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from pali3kit.config.component import Component
from pali3kit.config.saved_pali import dataclass_of
from pali3kit.data.source import Source
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.evals.scores import TextScorer
from pali3kit.images.spec import ImageSpec
from pali3kit.language.contract import LanguageModel
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLIModel
from pali3kit.models.trained import TrainedDualEncoder
from pali3kit.models.two_towers import TwoTowers
from pali3kit.plan.plain import component_json
from pali3kit.registry import LANGUAGE, MASK_TOKENIZER, PROJECTOR, SOURCE, TEXT_SCORER, TEXT_TOWER, VISION, Registry
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import Execution, StageContext
from pali3kit.types import Json, Named
from pali3kit.vision.contract import VisionEncoder
from pali3kit.weights.files import load_weights, save_weights

DEFAULT_EXECUTION = Execution()
WEIGHTS = "weights.safetensors"
ENCODER_FILE = "vision.safetensors"
"""The encoder in a stage 2 artifact, whose `weights.safetensors` has the projector and the language model."""
TEXT_TOWER_FILE = "text_tower.safetensors"
"""The text tower of a SigLIP or LiT artifact, with the log-temperature and bias of the loss."""
T = TypeVar("T")


def build_component(registry: Registry[T], component: Named, **shared: object) -> T:
    """Build the component `{"name": ..., **options}`; `shared` are arguments that are no options, such as sizes."""
    options = {key: value for key, value in component.items() if key != "name"}
    return registry.build(str(component["name"]), **shared, **options)


def build_source(source: Named, image_size: int | None = None) -> Source:
    """Build a source of records, with images of `image_size` pixels if given."""
    return build_component(SOURCE, source, **({} if image_size is None else {"image_size": image_size}))


def build_text_scorers(scorers: Mapping[str, Component]) -> dict[str, TextScorer]:
    """Build what rates texts, by name."""
    return {name: build_component(TEXT_SCORER, component_json(scorer)) for name, scorer in scorers.items()}


def build_vision(vision: Named, image_size: int) -> VisionEncoder:
    """Build a vision encoder, with random weights or those that its options name."""
    return build_component(VISION, vision, image_size=image_size)


def build_language(language: Named, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> LanguageModel:
    """Build a language model for a tokenizer, with random weights or those that its options name.

    Raises ConfigError if model and tokenizer end texts with different ids.
    """
    model = build_component(LANGUAGE, language, vocabulary=len(tokenizer))
    if model.eos_id != tokenizer.eos_id:
        ids = f"ends texts with id {model.eos_id}, the tokenizer with {tokenizer.eos_id}"
        raise ConfigError([f"model.language {language['name']} {ids}: they do not fit together."])
    model.attention, model.gradient_checkpointing = execution.attention, execution.gradient_checkpointing
    return model


def build_pali(projector: Named, vision_width: int, language: LanguageModel) -> PaLIModel:
    """Build PaLI of a new projector and `language`, without an encoder, for cached tokens of `vision_width`."""
    widths = {"vision_width": vision_width, "language_width": language.width}
    return PaLIModel(None, build_component(PROJECTOR, projector, **widths), language)


def save_text_tower(folder: Path, model: TwoTowers, text: Component, writes: bool = True) -> Mapping[str, Json]:
    """Write all of `model` but its image tower. All ranks must call this; `writes` is True on one.

    Returns the entry `text_tower` of `config.json`: the text tower's options and sizes.
    """
    save_weights(model.without_vision(), folder / TEXT_TOWER_FILE, writes)
    assert model.vision is not None
    tower, out = model.text, model.vision.width
    sizes = {"vocabulary": tower.embedding.num_embeddings, "length": tower.positions.shape[1], "out": out}
    return {"text": component_json(text), **sizes}


def save_model(folder: Path, module: nn.Module, writes: bool = True, **config: Json) -> None:
    """Write `module`'s weights and `config.json`. All ranks must call this; `writes` is True on one."""
    save_weights(module, folder / WEIGHTS, writes)
    if writes:
        write_config(folder, **config)


def save_load_report(module: nn.Module, folder: Path) -> None:
    """Write the load report of `module` as `load.json`, if pretrained weights were loaded."""
    if (report := getattr(module, "load_report", None)) is not None:
        (folder / "load.json").write_text(json.dumps(report.as_dict(), indent=1))


def without_pretrained(component: Named) -> Named:
    """A component's options without its pretrained weights, which a reader of the artifact must not load again."""
    return {key: value for key, value in component.items() if key not in ("pretrained", "weights", "allow")}


def write_config(folder: Path, **config: Json) -> None:
    """Write `config.json`."""
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True))


@dataclass(frozen=True)
class Artifact:
    """The models in the folder of an artifact, rebuilt from its `config.json` and filled with its weights.

    All raise WeightsError where the folder has no `config.json` or its weights do not fit.
    """

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of `config.json`."""
        try:
            config: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        except (OSError, ValueError) as error:
            raise WeightsError(f"{self.folder} is not an artifact with weights: {error}") from error
        return config

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of a tokenizer artifact."""
        return Tokenizer(self.folder / "tokenizer.model", codes=self.config["codes"], rows=self.config.get("rows"))

    def vision(self, image_size: int | None = None) -> VisionEncoder:
        """The encoder of a vision or stage 2 artifact; with `image_size`, its positions are resampled to that size."""
        own = self.config["image_size"]
        size = image_size or own
        vision = self._prepared(build_vision(self.config["vision"], size))
        file = self.folder / (ENCODER_FILE if (self.folder / ENCODER_FILE).exists() else WEIGHTS)
        if size == own:
            load_weights(vision, file)
        else:
            load_weights(vision, file, lambda tensors: vision.resample_positions(tensors, vision.grid(own)))
        return vision.eval()

    def _prepared(self, vision: VisionEncoder) -> VisionEncoder:
        """An encoder with the preprocessing of its weights, which may depend on what these were first: in open_clip on
        their tag. Artifacts of earlier versions do not have it, and what was made from them went without it too.
        """
        if "image_spec" in self.config:
            vision.image_spec = replace(dataclass_of(ImageSpec, self.config["image_spec"]), size=vision.image_spec.size)
        return vision

    def dual_encoder(self, tokenizer: Tokenizer, images: bool = True) -> TrainedDualEncoder:
        """Image and text encoder of a SigLIP or LiT artifact; the latter alone without `images`.

        LiT's image encoder is read from the artifact beside it that it was trained for. Raises WeightsError if that is
        missing, and for artifacts without a text tower.
        """
        return TrainedDualEncoder(self._two_towers(images), tokenizer).eval()

    def _two_towers(self, images: bool = True) -> TwoTowers:
        if "text_tower" not in self.config:
            raise WeightsError(f"{self.folder} holds no text tower: only pretrain=siglip and the stage lit train one")
        sizes = dict(self.config["text_tower"])
        text = build_component(TEXT_TOWER, sizes.pop("text"), **sizes)
        model = TwoTowers(self._image_tower() if images else None, text)
        load_weights(model.without_vision(), self.folder / TEXT_TOWER_FILE)
        return model.eval()

    def _image_tower(self) -> VisionEncoder:
        if "image_encoder" not in self.config:
            return self.vision()
        folder = self.folder.absolute().parent / Path(self.config["image_encoder"]).name
        if not folder.is_dir():
            raise WeightsError(
                f"{self.folder} holds a text tower alone: the image encoder that it was trained for is the artifact "
                f"{folder.name}, which is not beside it. Put that folder there, or read texts only: images=False."
            )
        return Artifact(folder).vision()

    def classifier(self) -> Classifier:
        """The encoder with its classification head of a fine-tuning artifact."""
        vision = self._prepared(build_vision(self.config["vision"], self.config["image_size"]))
        classifier = Classifier(vision, self.config["classes"])
        load_weights(classifier, self.folder / WEIGHTS)
        return classifier.eval()

    def mask_tokenizer(self) -> MaskVQVAE:
        """The trained mask tokenizer, frozen."""
        mask_tokenizer: MaskVQVAE = build_component(MASK_TOKENIZER, self.config["mask_tokenizer"])
        load_weights(mask_tokenizer, self.folder / WEIGHTS)
        return mask_tokenizer.eval().requires_grad_(False)

    def language(self, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> LanguageModel:
        """The model of a language artifact."""
        language = build_language(self.config["language"], tokenizer, execution)
        load_weights(language, self.folder / WEIGHTS)
        return language

    def pali(self, tokenizer: Tokenizer, execution: Execution = DEFAULT_EXECUTION) -> PaLIModel:
        """The projector and language model of a multimodal or transfer artifact."""
        language = build_language(self.config["language"], tokenizer, execution)
        model = build_pali(self.config["projector"], self.config["vision_width"], language)
        load_weights(model, self.folder / WEIGHTS)
        return model


def trained_mask_tokenizer(context: StageContext) -> MaskVQVAE | None:
    """The mask tokenizer that a step continues from; None where its tasks have no regions."""
    folder = context.parents.get("mask_tokenizer")
    return None if folder is None else Artifact(folder).mask_tokenizer()
