"""A benchmark of generated text: a model's answers to the test examples, and their score."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.memory import FP32
from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.evals.answers import examples_per_batch
from pali3kit.evals.scoring import score
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.training.answered import answered_examples
from pali3kit.training.answering import VisualTokens, write_answers
from pali3kit.training.calibration import (
    TARGET,
    max_images,
    meta_pali,
    min_seconds,
    num_parameters,
    random_pairs,
    random_pali,
    vision_shape,
)
from pali3kit.training.components import Artifact, build_source, trained_mask_tokenizer
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device
from pali3kit.training.distributed import Ranks
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json` and every prediction in `predictions.jsonl`.

    Examples with images that cannot be read are left out: `n` does not count them, and `skipped.txt` lists the images
    and the languages of which too few examples are left. A killed run is continued, on any number of ranks.
    """
    ranks = Ranks(context.execution)
    with ranks.together():  # the others wait for rank 0, which alone scores, and fail where it does
        source = build_source(config.source, config.image_size)
        with record_skipped(source, context):
            tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
            model = Artifact(context.parents["model"]).pali(tokenizer)
            tokens = _tokens(source, context)
            asked = config.benchmark, config.bins, config.test, config.limit, config.task
            examples: Sequence[Example] = benchmark_examples(source, *asked)
            scorable_indices(config.benchmark, examples)  # before they are answered
            masks = trained_mask_tokenizer(context) if context.writes else None
            answered = answered_examples(config, context, source, examples, model, tokenizer, tokens, ranks, masks)
        if context.writes:
            scores = score(config.benchmark, answered)
            write_answers(context.folder, answered.examples, answered.answers, scores)


def _tokens(source: Source, context: StageContext) -> VisualTokens:
    """The tokens in a parent, or those of the parent's encoder."""
    if "features" in context.parents:
        kept = FrozenTokens(context.parents["features"], "test")
        return VisualTokens(kept.__getitem__, kept.grid, kept.bad)
    return VisualTokens.of_encoder(Artifact(context.parents["vision"]).vision().to(chosen_device()), source)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per answer of typical length."""
    model, width, grid = meta_pali(sizes) if in_dry_run() else random_pali(sizes)
    images = max_images(config.source)
    size = examples_per_batch(model, grid, images, config.prompt_length, config.target_length, config.beams)
    batch = random_pairs(sizes, size, width, grid, BENCHMARK.find(config.benchmark).regions, images)
    inputs = (batch["tokens"], grid, batch["prompts"], batch["prompt_mask"])
    tokens = images * model.projector.out_tokens(grid) + 2 * TARGET
    if in_dry_run():  # without values no answer ends: assume the length of a target
        count = num_parameters(model) + vision_shape(sizes)[2]
        effort = 2 * num_parameters(model) * tokens * size * config.beams
        raise DryRunFinished(MemoryProfile(count, FP32 * count, tokens=tokens, effort=effort))
    seconds = min_seconds(lambda number: model.eval().generate(*inputs, TARGET, config.beams))
    return StageCost(seconds / size, 1.0, num_parameters(model), tokens)
