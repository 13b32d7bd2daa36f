"""Keeping the best weights of a transfer, by the benchmark's score on images that PaLI is never trained on."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices
from pali3kit.data.records import Skips
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.durable import publish_file, remove, removed_on_failure, sha256_of
from pali3kit.errors import DataError, StageError
from pali3kit.evals.answers import generate_answers
from pali3kit.evals.scores import Answered
from pali3kit.evals.scoring import score
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds.transfer import Config
from pali3kit.training.components import Artifact, build_source, trained_mask_tokenizer
from pali3kit.training.context import CHECKPOINTS, StageContext
from pali3kit.training.corpus import limit_skipped
from pali3kit.training.device import inference_precision
from pali3kit.training.fit import count_steps
from pali3kit.training.ocr_words import words_in_prompts
from pali3kit.training.skipped import append
from pali3kit.training.stream import ImageSource
from pali3kit.weights.files import load_weights, save_weights

BEST, PARTIAL = "best.safetensors", "best.partial"


class _KeepBest(Callback):
    """Evaluates a model at some steps and saves the weights with the best score (the earliest of equals).

    A run that resumes from a checkpoint evaluates the later steps again, with equal weights, so the file ends up the
    same, although it may be newer than the checkpoint in between.

    Args:
        model: without its encoder, which is frozen.
        measure: evaluates the model.
        at: the steps to evaluate at, the last of which is the end of the training.
        folder: private to the stage.
        writes: whether this rank writes files.
        skipped: messages on samples that cannot be evaluated on, appended to `skipped.txt`.
    """

    def __init__(
        self,
        model: PaLIModel,
        measure: Callable[[], float],
        at: Sequence[int],
        folder: Path,
        writes: bool = True,
        skipped: Sequence[str] = (),
    ) -> None:
        self.model, self.measure, self.at, self.folder, self.writes = model, measure, set(at), folder, writes
        self.scores: dict[int, float] = {}
        self.skipped = skipped
        self.digest = ""  # of the file with the best weights

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.writes:
            append(self.folder / "skipped.txt", self.skipped)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if (
            step not in self.at or step in self.scores
        ):  # with several microbatches a step, this is called after each of them
            return
        value = self.measure()
        pl_module.train()
        better = value > max(self.scores.values(), default=-float("inf"))
        self.scores[step] = value
        if better and self.writes:
            self._save()

    def _save(self) -> None:
        partial = self.folder / PARTIAL
        with removed_on_failure(partial):
            save_weights(self.model, partial)
            publish_file(partial, self.folder / BEST)
        self.digest = sha256_of(self.folder / BEST)

    def _whole(self) -> bool:
        return (self.folder / BEST).is_file() and sha256_of(self.folder / BEST) == self.digest

    def state_dict(self) -> dict[str, object]:
        return {"scores": sorted(self.scores.items()), "digest": self.digest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.scores, self.digest = dict(state_dict["scores"]), state_dict["digest"]

    def keep(self) -> None:
        """Load the best weights into the model and write `validation.csv`: step, score, and which was kept.

        Raises StageError where their file has been damaged since; the next attempt trains from the beginning.
        """
        if self.writes and self.digest and not self._whole():
            remove(self.folder / CHECKPOINTS)
            raise StageError(f"{self.folder / BEST} is damaged: the same command trains this stage anew")
        load_weights(self.model, self.folder / BEST)
        if not self.writes:
            return
        best = max(self.scores, key=lambda step: (self.scores[step], -step))
        with (self.folder / "validation.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["step", "score", "kept"])
            rows.writerows([step, value, int(step == best)] for step, value in sorted(self.scores.items()))


def validation(model: PaLIModel, config: Config, context: StageContext, image_source: ImageSource) -> list[_KeepBest]:
    """The callback that evaluates a transfer by its benchmark's metric, decoding greedily; none without validations."""
    budget = config.training
    if not budget.num_validations:
        return []
    source = build_source(config.source, config.image_size)
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    mask_tokenizer = trained_mask_tokenizer(context)
    words = words_in_prompts(config, context, source, tokenizer, "train", image_source.count)
    with limit_skipped(source, context):
        held = _held_out(source, config, image_source.count)
        examples = _readable(words.examples(held) if words else held, image_source, source.skips)
    examples = [examples[number] for number in scorable_indices(config.benchmark, examples)]
    skipped = [] if source.skips is None else source.skips.drain()
    lengths = config.prompt_length, config.target_length

    def read_tokens(numbers: Tensor) -> Tensor:
        if not len(numbers):  # a batch about text alone
            return torch.zeros(0, image_source.grid[0] * image_source.grid[1], image_source.width)
        found = torch.cat([image_source.read(number) for number in numbers.tolist()])
        if (vision := image_source.vision) is None:
            return found
        with torch.inference_mode():
            return vision(vision.image_spec.normalise_batch(found.to(next(vision.parameters()).device)))

    def measure() -> float:
        with inference_precision(context.execution.precision):
            answers = generate_answers(
                model,
                tokenizer,
                examples,
                read_tokens,
                image_source.grid,
                *lengths,
                max_tokens=context.execution.max_tokens_per_microbatch,
            )
        return score(config.benchmark, Answered(examples, answers, source, mask_tokenizer, config.bins)).value

    steps = count_steps(budget)
    at = sorted({max(1, steps * (i + 1) // budget.num_validations) for i in range(budget.num_validations)})
    learning = PaLIModel(None, model.projector, model.language)
    return [_KeepBest(learning, measure, at, context.folder, context.writes, skipped)]


def _held_out(source: Source, config: Config, count: int) -> list[Example]:
    """Examples on the last training images, which are held out."""
    asked = config.benchmark, config.bins, count, config.training.validation_examples, config.task
    return benchmark_examples(source, *asked, split="train", start=count - config.validation)


def _readable(examples: Sequence[Example], image_source: ImageSource, skips: Skips | None) -> list[Example]:
    """The examples whose images can be read. Others are recorded in `skips`, unless the stage `features` did so."""
    good: list[Example] = []
    if skips is not None:
        skips.count_anew()
    for example in examples:
        if any(number in image_source.bad for number in example.images):
            continue
        if skips is not None:
            skips.seen += 1
        try:
            for number in example.images:
                image_source.read(number)
        except DataError as error:
            if skips is None:
                raise
            skips.add(str(error))
            continue
        good.append(example)
    if not good:
        raise DataError("none of the validation images, the last of data.train, can be read or offers an example")
    return good
