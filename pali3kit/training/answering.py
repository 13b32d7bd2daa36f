"""The answers of a PaLI to the test examples of a benchmark, and the files they are kept in."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.data.benchmark_examples import scorable_indices
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.answers import generate_answers
from pali3kit.evals.scores import EvalResult
from pali3kit.language.regions import RegionGrammar
from pali3kit.masks.codec import RegionFormat
from pali3kit.models.pali import PaLIModel
from pali3kit.nn.positions import Grid
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device, inference_precision
from pali3kit.training.distributed import Ranks
from pali3kit.training.kept_answers import ANSWERS, KeptAnswers
from pali3kit.training.ocr_words import words_in_prompts
from pali3kit.training.pretraining_images import images_or_black
from pali3kit.vision.contract import VisionEncoder


@dataclass
class VisualTokens:
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

    @classmethod
    def of_encoder(cls, vision: VisionEncoder, source: Source, fp16: bool = False) -> VisualTokens:
        """Tokens of test images that are computed now; `fp16` rounds them as the cache of features does."""
        device, found = next(vision.parameters()).device, list[tuple[int, str]]()

        @torch.inference_mode()
        def read(numbers: Tensor) -> Tensor:
            if not len(numbers):  # a batch about text alone
                return torch.zeros(0, vision.native_grid[0] * vision.native_grid[1], vision.width)
            images, reasons = images_or_black(source, vision.image_spec, "test", numbers.tolist())
            found.extend(zip(numbers.tolist(), reasons, strict=True))
            tokens = vision(vision.image_spec.normalise(images).to(device))
            return tokens.half().float() if fp16 else tokens

        return cls(read, vision.native_grid, found=found)


def answer_benchmark(
    config: Config,
    context: StageContext,
    source: Source,
    examples: Sequence[Example],
    model: PaLIModel,
    tokenizer: Tokenizer,
    tokens: VisualTokens,
    ranks: Ranks,
) -> tuple[list[Example], list[str]]:
    """Those of the test examples whose images can be read, or all where their answers are hidden, and the model's
    answers; nothing in other ranks than the first.

    Answers are kept in the folder (`KeptAnswers`): one that was killed continues.
    """
    words = words_in_prompts(config, context, source, tokenizer, "test", config.test)
    examples = words.examples(examples) if words else examples
    if source.skips is not None:
        source.skips.count_anew()
    bad = set(tokens.bad)
    examples = [examples[number] for number in _scorable(source, config.benchmark, examples, bad)]
    kept = KeptAnswers(context.folder, examples, context.writes)
    if kept.done:
        context.say(f"continues after {kept.done} of {len(examples)} answers")
    with inference_precision(context.execution.precision):
        predictions = generate_answers(
            model.to(chosen_device()),
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
            lambda answer, batches: _counting(kept, ranks, answer, batches, tokens.found, bad, source),
        )
    if not context.writes:
        return [], []
    good = _scorable(source, config.benchmark, examples, bad)  # encoding images has found more of them bad
    return [examples[number] for number in good], [predictions[number] for number in good]


def _scorable(source: Source, benchmark: str, examples: Sequence[Example], bad: Container[int]) -> list[int]:
    """The numbers of the examples with images that can be read, of languages that have enough of them.

    Languages that are left out are recorded in `skips`. Examples with hidden answers are not scored: all are left, as a
    server wants an answer to each; that is then one to a black image. Raises DataError where nothing is left.
    """
    if examples and all(example.hidden for example in examples):
        return list(range(len(examples)))
    seen = [number for number, example in enumerate(examples) if not any(image in bad for image in example.images)]
    if examples and not seen:
        raise DataError(f"no image of the test examples of '{benchmark}' can be read: see skipped.txt")
    good = [seen[number] for number in scorable_indices(benchmark, [examples[number] for number in seen])]
    kept = {examples[number].language for number in good}
    for language in sorted({examples[number].language for number in seen} - kept):
        if source.skips is not None:
            source.skips.mention(f"{benchmark}: '{language}' has too few test images to measure anything on")
    return good


def _counting(
    kept: KeptAnswers,
    ranks: Ranks,
    answer: Callable[[Sequence[Example]], list[str]],
    batches: Sequence[Sequence[Example]],
    found: list[tuple[int, str]],
    bad: set[int],
    source: Source,
) -> Iterator[list[str]]:
    """All answers, on rank 0, which counts the images in `found` of all ranks and adds bad ones to `bad`."""

    def work(batch: Sequence[Example]) -> tuple[list[str], list[tuple[int, str]]]:
        found.clear()
        return answer(batch), list(found)

    for texts, images in kept.map(ranks, work, batches, partial(_is_readable, source)):
        bad.update(number for number, reason in images if reason)
        if source.skips is not None:
            source.skips.count(reason for _, reason in images)
        yield texts


def _is_readable(source: Source, number: int) -> bool:
    try:
        source.image("test", number)
    except DataError:
        return False
    return True


def write_answers(
    folder: Path, examples: Sequence[Example], predictions: Sequence[str], scores: EvalResult | None
) -> None:
    """Write `metrics.json`, if there are scores, and every prediction to `predictions.jsonl`; remove `ANSWERS`."""
    if scores is not None:
        extra = {**scores.extra, **_count_ocr(examples)}
        metrics = {"value": scores.value, "n": len(examples), "extra": extra, "samples": scores.samples}
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
                **({"group": example.group} if example.group else {}),
                **({"attributes": dict(example.attributes)} if example.attributes else {}),
                **({} if example.id is None else {"id": example.id}),
                **({"ocr_words": list(example.ocr_words)} if example.ocr_words else {}),
                **({} if scores is None else {"score": scores.samples[i]}),
                **(scores.details[i] if scores is not None and scores.details else {}),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / ANSWERS).unlink(missing_ok=True)


def _count_ocr(examples: Sequence[Example]) -> dict[str, int]:
    """Of prompts with words of an OCR system, how many had too many and how many had none."""
    words = [example.ocr_words for example in examples if example.ocr_words]
    if not words:
        return {}
    left_out, without = sum(left > 0 for _, left in words), sum(not any(each) for each in words)
    return {"prompts with OCR words left out": left_out, "prompts without OCR words": without}


def _numbers(example: Example) -> dict[str, int | list[int]]:
    """The number of the image of an example, or of all where it has not one."""
    return {"image": example.images[0]} if len(example.images) == 1 else {"images": list(example.images)}
