"""A benchmark measured on a `PaLI`, as a run measures its own."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import torch

from pali3kit.benchmarks.benchmark import Submission
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import recipe_of, transfer_of
from pali3kit.config.schema import Experiment
from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.benchmark_examples import benchmark_examples
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import EvalResult
from pali3kit.evals.scoring import score
from pali3kit.evals.submission import submission_ids, written_submission
from pali3kit.inference.checkpoints import GENERAL, STAGE_1, Checkpoints
from pali3kit.inference.choice import require_checkpoint
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds.evaluate import Config, evaluation_config
from pali3kit.training.answered import answered_examples
from pali3kit.training.answering import VisualTokens, write_answers
from pali3kit.training.components import build_source
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device
from pali3kit.training.distributed import Ranks
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder

SUBMISSION = "submission.json"


def _usual_checkpoint(checkpoints: Checkpoints, benchmark: str, experiment: Experiment) -> str:
    """The transfer that answers a benchmark, by the name of any benchmark that shares it; else the general model."""
    own, section = BENCHMARK.find(BENCHMARK.find(benchmark).model_of), experiment.stages.transfer
    shared = recipe_of(section, transfer_of(section, own)).mixture
    return next((name for name in (own.name, *shared) if name in checkpoints.names), STAGE_1)


class Evaluator:
    """The measurement of a benchmark of generated answers on a checkpoint.

    Args:
        checkpoints: of the model.
        benchmark: its name.
        experiment: whose sources, `evaluation` and `runtime` are taken.
        checkpoint: by default the transfer that answers the benchmark, its own or one that it shares; without one, that
            which no transfer has specialised.
        beams: by default as the checkpoint answers.

    Attributes:
        checkpoint: that is measured.
        config: how it is measured: images, prompts and lengths are the checkpoint's.

    Raises ConfigError where there is no such checkpoint.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        benchmark: str,
        experiment: Experiment,
        checkpoint: str | None = None,
        beams: int | None = None,
    ) -> None:
        self.checkpoints, self.execution = checkpoints, Execution.of(experiment.runtime.of("evaluate"))
        usual = _usual_checkpoint(checkpoints, benchmark, experiment)
        self.checkpoint = require_checkpoint(checkpoints, checkpoint or usual)
        self.defaults = checkpoints.defaults(self.checkpoint)
        after = "multimodal" if self.checkpoint in GENERAL else "transfer"
        size, beams = self.defaults.image_size, beams or self.defaults.beams
        config = evaluation_config(experiment, benchmark, after, size, beams)
        own = self.defaults.prompt_length  # which has no room for the words of an OCR where none were learnt with
        self.config: Config = replace(
            config,
            bins=checkpoints.bins,
            prompt_length=max(own, config.prompt_length) if config.ocr else own,
            target_length=self.defaults.target_length,
        )

    @cached_property
    def _models(self) -> tuple[VisionEncoder, PaLIModel]:
        return self.checkpoints.vision(self.checkpoint), self.checkpoints.model(self.checkpoint)

    def publish(self, out: Path, report: Callable[[int, int], None]) -> None:
        """As `run`, in a folder that appears when it is whole.

        Until then answers are kept in another one beside it, named after the conditions and the weights: the same
        measurement continues after a kill, and no other takes its answers. Raises DataError where another process is
        at it.
        """
        work = out.with_name(f"{out.name}.{self._digest()}.unfinished")
        work.mkdir(parents=True, exist_ok=True)
        with _locked(work):
            try:
                self.run(work, report)
                os.replace(work, out)
            finally:
                if work.is_dir() and {*os.listdir(work)} <= {"skipped.txt", "filtered.json"}:  # nothing is earned
                    shutil.rmtree(work)

    def _conditions(self) -> dict[str, Json]:
        return {"model": self.checkpoints.name, "checkpoint": self.checkpoint, **self.config.plain()}

    def _digest(self) -> str:
        how = [self._conditions(), asdict(self.defaults), self.execution.precision]
        hasher = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
        for model in self._models:
            for name, tensor in sorted(model.state_dict().items()):
                hasher.update(name.encode())
                hasher.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return hasher.hexdigest()[:12]

    def run(self, folder: Path, report: Callable[[int, int], None]) -> EvalResult | None:
        """Write `metrics.json`, `predictions.jsonl` and `config.json` to a folder that exists.

        `skipped.txt` lists the images that cannot be read. `report` gets the number of answers, and that of examples.
        Answers that a killed run left in the folder are not generated again. Where those to the test split are not
        public, there is no `metrics.json`, and None is returned. If the benchmark has a server, and all examples of its
        data set are answered, `submission.json` is what that takes.

        Raises DataError where nothing can be scored, or a test split without public answers cannot be submitted.
        """
        config, device = self.config, chosen_device()
        context = StageContext(
            folder,
            {},
            0,
            lambda done, total, **numbers: report(done, total),
            1,
            replace(self.execution, nodes=1, devices=1),
        )
        source, tokenizer = build_source(config.source, config.image_size), self.checkpoints.tokenizer()
        with record_skipped(source, context):
            asked = config.benchmark, config.bins, config.test, config.limit, config.task
            tested = benchmark_examples(source, *asked)
            hidden = bool(tested) and all(example.hidden for example in tested)
            ids, problem = self._ids(tested, source)
            if hidden and problem:
                raise DataError(problem)
            vision, model = self._models
            tokens = VisualTokens.of_encoder(vision.to(device), source, self.defaults.fp16_tokens)
            ranks = Ranks(context.execution)
            masks = self.checkpoints.mask_tokenizer()
            answered = answered_examples(config, context, source, tested, model, tokenizer, tokens, ranks, masks)
        examples, answers = answered.examples, answered.answers
        scores = None if hidden else score(config.benchmark, answered)
        if len(examples) < len(ids):
            problem = f"images of {len(ids) - len(examples)} examples cannot be read: see skipped.txt"
        if problem:
            context.say(f"no {SUBMISSION}: {problem}")
        elif self._server is not None:
            (folder / SUBMISSION).write_bytes(written_submission(self._server, ids, answers))
        (folder / "config.json").write_text(json.dumps(self._conditions(), indent=1), encoding="utf-8")
        write_answers(folder, examples, answers, scores)
        return scores

    @property
    def _server(self) -> Submission | None:
        """The format of the benchmark's server, if its own data set is measured."""
        return BENCHMARK.find(self.config.benchmark).submission if self.config.published else None

    def _ids(self, examples: Sequence[Example], source: Source) -> tuple[list[int | str], str]:
        """The ids of a submission, or why there cannot be one."""
        if self._server is None:
            return [], ""
        if len(examples) < self.config.test:
            wanted = f"set evaluation.limit={self.config.test}"
            bad = next(iter(source.skips.lines), "") if source.skips is not None else ""
            few = f"{len(examples)} of {self.config.test} test examples are asked"
            return [], f"{few}: {wanted if len(examples) == self.config.limit else bad}"
        if examples and examples[0].hidden and isinstance(source, AnnotatedSource):
            for damage in source.readers["test"].damages:  # its id is not known
                return [], f"the server wants an answer to all, and {damage}"
        try:
            file = str(self.config.source.get("test") or self.config.source["name"])
            return submission_ids(self._server, examples, file), ""
        except DataError as error:
            return [], str(error)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which a process that ends lets go."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"another process measures the same, in {folder}: wait for it.") from error
        yield
    finally:
        os.close(descriptor)
