"""The column `denoising`: the pretrained language model's loss on held-out text."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from pali3kit.evals.denoising import BATCH, held_out_loss, window_nats
from pali3kit.language.contract import LanguageModel
from pali3kit.plan.kinds.denoising import Config
from pali3kit.registry import LANGUAGE
from pali3kit.training.calibration import min_seconds, num_parameters, random_ids
from pali3kit.training.components import Artifact, build_component, build_source
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import pack_windows, record_skipped
from pali3kit.training.device import chosen_device, inference_precision
from pali3kit.training.distributed import Ranks
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run, profile_forward_on_meta


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: nats per target token, averaged over UL2's modes, and of each mode."""
    ranks = Ranks(context.execution)
    with ranks.together(), inference_precision(context.execution.precision):
        tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
        language = Artifact(context.parents["language"]).language(tokenizer).to(chosen_device())
        source = build_source(config.source)
        with record_skipped(source, context):
            packed = pack_windows(source.held_out(config.bins), tokenizer, config.length, config.limit)
        packed = packed[: config.limit]
        total = 3 * len(packed)
        loss = held_out_loss(
            language, tokenizer, packed, config.prefix, lambda done: context.report(done, total), ranks.map
        )
        if context.writes:
            metrics = {"value": loss.value, "n": loss.n, "extra": loss.extra, "samples": loss.samples}
            (context.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per window in one of the three modes."""
    language = build_component(LANGUAGE, sizes.language, vocabulary=sizes.vocabulary_size).eval()
    length = config.length
    inputs, targets = random_ids(sizes, BATCH, length * 3 // 4), random_ids(sizes, BATCH, length // 2)
    masks = {"input_mask": torch.ones_like(inputs, dtype=torch.bool), "target_mask": targets > 0}
    if in_dry_run():  # an upper bound: on average half of a target is padding
        raise DryRunFinished(
            profile_forward_on_meta(
                language, lambda: _logits(language, inputs[:1], targets[:1]), length * 5 // 4, BATCH
            )
        )
    seconds = min_seconds(lambda number: window_nats(language, {"inputs": inputs, "targets": targets, **masks}))
    return StageCost(seconds / BATCH, 1.0, num_parameters(language), length * 5 // 4)


def _logits(language: LanguageModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """The logits of `targets` `[B,T]` for `inputs` `[B,N]` without padding."""
    mask = torch.ones_like(inputs, dtype=torch.bool)
    memory = language.encode(language.embed(inputs), mask)
    return language.to_logits(language.decode_states(targets, memory, mask))
