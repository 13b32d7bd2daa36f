"""Counts the bytes that the image encoder's forward pass has at once."""

from __future__ import annotations

import torch

from pali3kit.evals.scores import EvalResult
from pali3kit.plan.kinds.memory import Config
from pali3kit.training.context import StageContext
from pali3kit.training.peak_memory import peak_bytes
from pali3kit.training.stages.measured import encoder_and_images, write_value

_MEGABYTE = 1e6


@torch.no_grad()
def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: megabytes; those of the weights alone are in `extra`."""
    vision, images = encoder_and_images(config, context)
    weights = sum(tensor.nbytes for tensor in (*vision.parameters(), *vision.buffers()))
    peak = peak_bytes(lambda: vision(images), (*vision.parameters(), *vision.buffers(), images))
    extra = {"weights, MB": weights / _MEGABYTE}
    write_value(context.folder, EvalResult((weights + images.nbytes + peak) / _MEGABYTE, extra=extra))
