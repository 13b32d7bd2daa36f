"""A benchmark of generated text: a model's answers to the test examples, and their score."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.records import Skips
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.answers import examples_per_batch, generate_answers
from pali3kit.evals.examples import benchmark_examples, scorable_indices
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.language.regions import RegionGrammar
from pali3kit.masks.codec import RegionFormat
from pali3kit.nn.positions import Grid
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.training.calibration import TARGET, max_images, min_seconds, num_parameters, random_pairs, random_pali
from pali3kit.training.components import Artifact, build_source, trained_mask_tokenizer
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device, inference_precision
from pali3kit.training.distributed import Ranks
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run
from pali3kit.training.pretraining_images import images_or_black


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json` and every prediction in `predictions.jsonl`.

    Examples with images that cannot be read are left out: `n` does not count them, and `skipped.txt` lists the images
    and the languages of which too few examples are left.
    """
    ranks = Ranks(context.execution)
    with ranks.together():  # the others wait for rank 0, which alone scores, and fail where it does
        source = build_source(config.source, config.image_size)
        with record_skipped(source, context):
            examples, predictions = _answered(config, context, source, ranks)
        if context.writes:
            mask_tokenizer = trained_mask_tokenizer(context)
            scores = score(config.benchmark, Answered(examples, predictions, source, mask_tokenizer, config.bins))
            _write(context.folder, examples, predictions, scores)


def _answered(config: Config, context: StageContext, source: Source, ranks: Ranks) -> tuple[list[Example], list[str]]:
    """The test examples whose images can be read, and the model's answers; nothing in other ranks than the first."""
    asked = config.benchmark, config.bins, config.test, config.limit, config.task
    examples = benchmark_examples(source, *asked)
    if source.skips is not None:
        source.skips.count_anew()
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    tokens = _tokens(source, context)
    bad = set(tokens.bad)
    examples = [examples[number] for number in _scorable(source, config.benchmark, examples, bad)]
    with inference_precision(context.execution.precision):
        predictions = generate_answers(
            Artifact(context.parents["model"]).pali(tokenizer).to(chosen_device()),
            tokenizer,
            examples,
            tokens.read,
            tokens.grid,
            config.prompt_length,
            config.target_length,
            config.beams,
            RegionGrammar(tokenizer, RegionFormat(config.bins)) if config.constrained else None,
            lambda done: context.report(done, len(examples)),
            context.execution.max_tokens_per_microbatch,
            lambda answer, batches: _counting(ranks, answer, batches, tokens.found, bad, source.skips),
        )
    if not context.writes:
        return [], []
    good = _scorable(source, config.benchmark, examples, bad)  # encoding images has found more of them bad
    return [examples[number] for number in good], [predictions[number] for number in good]


def _scorable(source: Source, benchmark: str, examples: Sequence[Example], bad: Container[int]) -> list[int]:
    """The numbers of the examples with images that can be read, of languages that have enough of them.

    Languages that are left out are recorded in `skips`. Raises DataError where nothing is left.
    """
    seen = [number for number, example in enumerate(examples) if not any(image in bad for image in example.images)]
    if examples and not seen:
        raise DataError(f"no image of the test examples of '{benchmark}' can be read: see skipped.txt")
    good = [seen[number] for number in scorable_indices(benchmark, [examples[number] for number in seen])]
    kept = {examples[number].language for number in good}
    for language in sorted({examples[number].language for number in seen} - kept):
        if source.skips is not None:
            source.skips.mention(f"{benchmark}: '{language}' has too few test images to measure anything on")
    return good


@dataclass
class _Tokens:
    """Tokens of the frozen encoder.

    Attributes:
        read: from image numbers `[K]` to tokens `[K,N,D]`, cached or computed now.
        grid: of the tokens.
        bad: images that are known to be unreadable.
        found: of tokens that are computed now, image numbers since it was cleared, with the reason why the image cannot
            be used, or "".
    """

    read: Callable[[Tensor], Tensor]
    grid: Grid
    bad: Iterable[int] = ()
    found: list[tuple[int, str]] = field(default_factory=list)


def _tokens(source: Source, context: StageContext) -> _Tokens:
    """The tokens in a parent, or those of the parent's encoder."""
    if "features" in context.parents:
        kept = FrozenTokens(context.parents["features"], "test")
        return _Tokens(kept.__getitem__, kept.grid, kept.bad)
    device, found = chosen_device(), list[tuple[int, str]]()
    vision = Artifact(context.parents["vision"]).vision().to(device)

    @torch.inference_mode()
    def read(numbers: Tensor) -> Tensor:
        if not len(numbers):  # a batch about text alone
            return torch.zeros(0, vision.native_grid[0] * vision.native_grid[1], vision.width)
        images, reasons = images_or_black(source, vision.image_spec, "test", numbers.tolist())
        found.extend(zip(numbers.tolist(), reasons, strict=True))
        return vision(vision.image_spec.normalise(images).to(device))

    return _Tokens(read, vision.native_grid, found=found)


def _counting(
    ranks: Ranks,
    answer: Callable[[Sequence[Example]], list[str]],
    batches: Sequence[Sequence[Example]],
    found: list[tuple[int, str]],
    bad: set[int],
    skips: Skips | None,
) -> Iterator[list[str]]:
    """All answers, on rank 0, which counts the images in `found` of all ranks and adds bad ones to `bad`."""

    def work(batch: Sequence[Example]) -> tuple[list[str], list[tuple[int, str]]]:
        found.clear()
        return answer(batch), list(found)

    for texts, images in ranks.map(work, batches):
        bad.update(number for number, reason in images if reason)
        if skips is not None:
            skips.count(reason for _, reason in images)
        yield texts


def _write(folder: Path, examples: Sequence[Example], predictions: Sequence[str], scores: EvalResult) -> None:
    metrics = {"value": scores.value, "n": len(examples), "extra": scores.extra, "samples": scores.samples}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for i, (example, prediction) in enumerate(zip(examples, predictions, strict=True)):
            row = {
                **_numbers(example),
                "prompt": example.prompt,
                "prediction": prediction,
                "target": example.target,
                "references": list(example.references),
                "language": example.language,
                "score": scores.samples[i],
                **(scores.details[i] if scores.details else {}),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _numbers(example: Example) -> dict[str, int | list[int]]:
    """The number of the image of an example, or of all where it has not one."""
    return {"image": example.images[0]} if len(example.images) == 1 else {"images": list(example.images)}


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per answer of typical length."""
    model, width, grid = random_pali(sizes)
    images = max_images(config.source)
    size = examples_per_batch(model, grid, images, config.prompt_length, config.target_length, config.beams)
    batch = random_pairs(sizes, size, width, grid, BENCHMARK.find(config.benchmark).regions, images)
    inputs = (batch["tokens"], grid, batch["prompts"], batch["prompt_mask"])
    tokens = images * model.projector.out_tokens(grid) + 2 * TARGET
    if in_dry_run():  # without values no answer ends: assume the length of a target
        raise DryRunFinished(
            MemoryProfile(0, 0, tokens=tokens, effort=2 * num_parameters(model) * tokens * size * config.beams)
        )
    seconds = min_seconds(lambda number: model.eval().generate(*inputs, TARGET, config.beams))
    return StageCost(seconds / size, 1.0, num_parameters(model), tokens)
