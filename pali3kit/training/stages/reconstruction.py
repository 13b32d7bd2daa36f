"""The column `mask_tokenizer`: held-out masks, written as mask tokens and read back."""

from __future__ import annotations

import json

import torch

from pali3kit.data.benchmark_examples import SEED
from pali3kit.data.task import held_out
from pali3kit.errors import DataError
from pali3kit.evals.regions import CROPS, reconstruction
from pali3kit.masks.crops import SIDE
from pali3kit.plan.kinds.reconstruction import Config
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.training.calibration import min_seconds, num_parameters
from pali3kit.training.components import Artifact, build_component, build_source, without_pretrained
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import record_skipped


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: the mean IoU in percent, and that of each mask."""
    source = build_source(config.source, config.image_size).telling("masks")
    with record_skipped(source, context):
        examples = held_out(source.task(config.task, bins=1000), "test", config.test, config.limit, SEED)
        examples = [each for each in examples if each.mask is not None and each.box is not None]
        if not examples:
            raise DataError(f"the first {config.test} test images have no mask to measure a mask tokenizer on")
        result = reconstruction(examples, Artifact(context.parents["mask_tokenizer"]).mask_tokenizer())
    context.report(len(examples), len(examples))
    metrics = {"value": result.value, "n": result.n, "samples": result.samples}
    (context.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per mask."""
    masks = build_component(MASK_TOKENIZER, without_pretrained(sizes.mask_tokenizer)).eval()
    crops = torch.rand(CROPS // 8, 1, SIDE, SIDE)
    with torch.inference_mode():
        seconds = min_seconds(lambda number: masks.decode(masks.encode(crops)))
    return StageCost(seconds / len(crops), 1.0, num_parameters(masks))
