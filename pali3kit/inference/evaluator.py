"""A benchmark measured on a `PaLI`, as a run measures its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.schema import Experiment
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.inference.checkpoints import GENERAL, STAGE_1, Checkpoints
from pali3kit.inference.choice import require_checkpoint
from pali3kit.plan.kinds.evaluate import Config, evaluation_config
from pali3kit.training.answering import VisualTokens, answer_benchmark, write_answers
from pali3kit.training.components import build_source
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.corpus import record_skipped
from pali3kit.training.device import chosen_device
from pali3kit.training.distributed import Ranks


class Evaluator:
    """The measurement of a benchmark of generated answers on a checkpoint.

    Args:
        checkpoints: of the model.
        benchmark: its name.
        experiment: whose sources, `evaluation` and `runtime` are taken.
        checkpoint: by default the benchmark's transfer, or the one that no transfer has specialised.
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
        transfer = BENCHMARK.find(benchmark).transfer
        usual = transfer if transfer in checkpoints.names else STAGE_1
        self.checkpoints, self.execution = checkpoints, Execution.of(experiment.runtime.of("evaluate"))
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

    def run(self, folder: Path, report: Callable[[int, int], None]) -> EvalResult:
        """Write `metrics.json`, `predictions.jsonl` and `config.json` to a folder that exists.

        `skipped.txt` lists the images that cannot be read. `report` gets the number of answers, and that of examples.
        Raises DataError where nothing can be scored.
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
            vision, model = self.checkpoints.vision(self.checkpoint), self.checkpoints.model(self.checkpoint)
            tokens = VisualTokens.of_encoder(vision.to(device), source, self.defaults.fp16_tokens)
            ranks = Ranks(context.execution)
            examples, answers = answer_benchmark(config, context, source, model, tokenizer, tokens, ranks)
        masks = self.checkpoints.mask_tokenizer()
        scores = score(config.benchmark, Answered(examples, answers, source, masks, config.bins))
        write_answers(folder, examples, answers, scores)
        conditions = {"model": self.checkpoints.name, "checkpoint": self.checkpoint, **config.plain()}
        (folder / "config.json").write_text(json.dumps(conditions, indent=1), encoding="utf-8")
        return scores
