"""Stage 0a: the vision encoder, pretrained by classification or by SigLIP, or left as it is.

Both arms see the same pictures in the same order; only the supervision differs. Left as it is, it is the control
(`random`) or somebody's pretrained encoder (`given`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pali3kit.config.schema import VisionPretraining
from pali3kit.data.source import Source
from pali3kit.models.classifier import Classifier
from pali3kit.models.two_towers import TwoTowers
from pali3kit.registry import TEXT_TOWER
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.calibration import random_ids, training_cost, vocabulary
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.fit import MakeBatch, fit
from pali3kit.training.modules import Batch, ClassifierModule, SigLIPModule, StageModule
from pali3kit.training.parts import build_source, build_vision, publish, read_budget, read_tokenizer
from pali3kit.vision.vit import ViT

STRETCH = 1 << 32  # pictures of one seed; those before the first stretch are for the stages on PaLI


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the encoder's `weights.safetensors`; its labels' head or text tower is thrown away."""
    torch.manual_seed(context.seed)
    vision = build_vision(config)
    if "training" in config:
        budget = read_budget(VisionPretraining, config["training"])
        module, make = _arm(config, context, vision, budget)
        fit(module, make, budget, context)
    # The weights are in the artifact now: who reads it must not fetch them again.
    part = {key: value for key, value in config["vision"].items() if key != "pretrained"}
    publish(context.folder, vision, vision=part, image_size=config["image_size"])


def _arm(
    config: dict[str, Any], context: StageContext, vision: ViT, budget: VisionPretraining
) -> tuple[StageModule, MakeBatch]:
    """What to train the encoder in, and its batches."""
    pictures = Pictures(build_source(config), vision, context.seed, budget.batch_size)
    if config["pretrain"] == "classif":
        return _classification(pictures, vision, budget)
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    module = _contrast(vision, budget, len(tokenizer))
    return module, lambda step: pictures.with_texts(step, tokenizer, budget.text_length)


def _classification(pictures: Pictures, vision: ViT, budget: VisionPretraining) -> tuple[StageModule, MakeBatch]:
    """The classification arm: labels say which of the source's classes are in a picture."""
    classes = len(pictures.source.classes)
    module = ClassifierModule(Classifier(vision, classes, budget.head_bias))
    return module, lambda step: pictures.with_labels(step, classes)


def _contrast(vision: ViT, budget: VisionPretraining, vocabulary: int) -> SigLIPModule:
    """The contrastive arm: a text tower over `vocabulary` ids, into the space of the image embeddings."""
    shared = {"vocabulary": vocabulary, "length": budget.text_length, "out": vision.width}
    text = TEXT_TOWER.build(budget.text.name, **shared, **budget.text.options)
    return SigLIPModule(TwoTowers(vision, text, budget.temperature, budget.bias))


class Pictures:
    """Batches of pictures that nobody has seen before: step `i` holds the pictures from `i * batch_size` on.

    Every seed has a stretch of the endless stream for itself, and so both arms of a seed see the same pictures.
    """

    def __init__(self, source: Source, vision: ViT, seed: int, batch_size: int) -> None:
        self.source, self.spec, self.seed, self.size = source, vision.image_spec, seed, batch_size

    def with_labels(self, step: int, classes: int) -> Batch:
        labels = torch.zeros(self.size, classes)
        for row, index in enumerate(self._indices(step)):
            labels[row, list(self.source.labels("train", index))] = 1.0
        return {"images": self.images(step), "labels": labels}

    def with_texts(self, step: int, tokenizer: Tokenizer, length: int) -> Batch:
        """Texts end with EOS and are padded with it, so that the last position always holds one."""
        rng = np.random.default_rng([self.seed, step])
        ids = torch.full((self.size, length), tokenizer.eos_id)
        for row, index in enumerate(self._indices(step)):
            text = self.source.alt_text("train", index, rng).lower()
            tokens = tokenizer.encode(text, max_length=length - 1)
            ids[row, : len(tokens)] = torch.tensor(tokens)
        return {"images": self.images(step), "ids": ids}

    def _indices(self, step: int) -> range:
        start = STRETCH * (self.seed + 1) + step * self.size
        return range(start, start + self.size)

    def images(self, step: int) -> torch.Tensor:
        """float32 `[B,3,H,W]`, normalised for the encoder."""
        return self.spec.normalise(np.stack([self.source.image("train", index) for index in self._indices(step)]))


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per picture, drawing it included."""
    if "training" not in config:
        return Cost(0.0, 1.0)
    vision, budget = build_vision(config), read_budget(VisionPretraining, config["training"])
    tokens = vision.native_grid[0] * vision.native_grid[1]
    pictures = Pictures(build_source(config), vision, 0, budget.batch_size)
    if config["pretrain"] == "classif":
        return training_cost(*_classification(pictures, vision, budget), budget.batch_size, tokens)

    def make(step: int) -> Batch:
        ids = random_ids(config, budget.batch_size, budget.text_length)
        return {"images": pictures.images(step), "ids": ids}

    module = _contrast(vision, budget, vocabulary(config))
    return training_cost(module, make, budget.batch_size, tokens + budget.text_length)
