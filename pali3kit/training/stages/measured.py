"""What stages share that measure an encoder alone: their results, and what those of its costs encode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.evals.scores import EvalResult
from pali3kit.plan.encoder_cost import Config
from pali3kit.training.components import Artifact
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder


def write_columns(folder: Path, results: Mapping[str, EvalResult], extra: Mapping[str, Json] | None = None) -> None:
    """Write `metrics.json`: results by name with the samples for confidence intervals, and further numbers."""
    columns = {
        name: {"value": result.value, "n": result.n, "samples": list(result.samples)}
        for name, result in results.items()
    }
    (folder / "metrics.json").write_text(json.dumps({"columns": columns, "extra": dict(extra or {})}, indent=1))


def encoder_and_images(config: Config, context: StageContext) -> tuple[VisionEncoder, Tensor]:
    """The encoder of the parent `vision` and random images `[batch_size,3,H,W]`, on the device that is used."""
    device = chosen_device()
    vision = Artifact(context.parents["vision"]).vision().to(device)
    return vision, torch.randn(config.batch_size, 3, vision.image_spec.size, vision.image_spec.size, device=device)


def write_value(folder: Path, result: EvalResult) -> None:
    """Write `metrics.json`: one number without samples, and further numbers."""
    (folder / "metrics.json").write_text(json.dumps({"value": result.value, "extra": dict(result.extra)}, indent=1))
