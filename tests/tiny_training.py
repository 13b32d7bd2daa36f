"""A training that takes a second: ten steps of a classifier on images that are functions of the step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Training
from pali3kit.models.classifier import Classifier
from pali3kit.training.modules import Batch, ClassifierModule
from pali3kit.training.optimizers import module_options
from pali3kit.vision.vit import ViT

BUDGET = Training(examples=80, batch_size=8, optimizer=Optimizer(name="muon", learning_rate=1e-2))


def module(
    dropout: float = 0.0, optimizer: Optimizer = BUDGET.optimizer, freeze: Sequence[str] = ()
) -> ClassifierModule:
    torch.manual_seed(0)
    classifier = Classifier(ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8), classes=4, head_bias=-2)
    made = ClassifierModule(classifier, **module_options(optimizer, freeze))
    made.model.vision.head = torch.nn.Sequential(made.model.vision.head, torch.nn.Dropout(dropout))
    return made


def batch(step: int) -> Batch:
    rng = torch.Generator().manual_seed(step)
    labels = torch.nn.functional.one_hot(torch.randint(4, (8,), generator=rng), 4).float()
    brightness = labels.argmax(1)[:, None, None, None]
    return {"images": torch.randn(8, 3, 16, 16, generator=rng) + brightness, "labels": labels}
