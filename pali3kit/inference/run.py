"""The models of a run: one cell of its grid, read from the store of artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.saved import find_store
from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.inference.card import run_documents
from pali3kit.inference.cell import RunCell
from pali3kit.inference.checkpoints import GENERAL, STAGE_1, Architecture, Checkpoints, GenerationDefaults
from pali3kit.inference.languages import known_languages
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds.evaluate import Config as Evaluation
from pali3kit.plan.kinds.multimodal import Config as Stage1
from pali3kit.plan.kinds.resolution import Config as Stage2
from pali3kit.plan.kinds.saved import Config as Saved
from pali3kit.plan.kinds.transfer import Config as Transfer
from pali3kit.plan.step import Step, ancestry
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.components import Artifact
from pali3kit.vision.contract import VisionEncoder


class RunCheckpoints(Checkpoints):
    """The checkpoints of one cell of a run. Nothing is computed or written.

    `STAGE_1` is the model that the transfers start from, after stage 2 where they do; a transfer has the name of the
    benchmark that it learns for, and answers as the run's evaluation had it answer. The model before or after stage 2
    that the run measured too is `stage_1` or `stage_2`, where the store has it: nothing else needs it.

    Attributes:
        run, store: what was run, and where its artifacts are.
        models: the step that trained each checkpoint, by its name.

    Raises DataError: the run's store is not there, or artifacts are missing, which are named.
    """

    def __init__(self, run: RunCell) -> None:
        self.run, self.name, self.bins = run, run.name, run.experiment.tokenizer.bins
        self.store = Store.of(run.experiment.runtime, find_store(run.experiment, run.folder))
        self._evaluations = _evaluations(run.cell.columns)
        if not self._evaluations:
            raise DataError(f"{self.name} trained no PaLI: it measures {', '.join(run.cell.columns)}.")
        self.models = _models(self._evaluations)
        if other := _other_general(self._evaluations, self.models[STAGE_1]):
            self.models |= {} if self.store.missing([*other.values(), *map(_encoder, other.values())]) else other
        self.names = tuple(self.models)
        self._vision: dict[str, VisionEncoder] = {}
        self._require_artifacts()

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self._artifact(self.models[STAGE_1].parents["tokenizer"]).tokenizer()

    def mask_tokenizer(self) -> MaskVQVAE | None:
        return self._mask_tokenizer

    @cached_property
    def _mask_tokenizer(self) -> MaskVQVAE | None:
        step = self._mask_tokenizer_step
        return None if step is None else self._artifact(step).mask_tokenizer()

    def vision(self, name: str) -> VisionEncoder:
        step = _encoder(self.models[name])
        if step.digest not in self._vision:
            self._vision[step.digest] = self._artifact(step).vision().requires_grad_(False)
        return self._vision[step.digest]

    def model(self, name: str) -> PaLIModel:
        step = self.models[name]
        return self._artifact(step).pali(self.tokenizer()).eval().requires_grad_(False)

    def defaults(self, name: str) -> GenerationDefaults:
        model = self.models[name]
        evaluation, general = self._evaluation_of(name), name in GENERAL
        config, trained = evaluation.config, model.config
        assert isinstance(config, Evaluation) and isinstance(trained, Stage1 | Stage2 | Transfer | Saved)
        return GenerationDefaults(
            task=trained.task if isinstance(trained, Transfer) else "",
            image_size=trained.image_size,
            prompt_length=config.prompt_length,
            target_length=config.target_length,
            beams=self.run.alone.evaluation.beams if general else config.beams,
            constrained=config.constrained and not general,
            fp16_tokens="features" in evaluation.parents,
            mixture=self._mixture(model),
        )

    def _mixture(self, model: Step) -> tuple[str, ...]:
        """The tasks of a general model, or of a transfer that several benchmarks share; of a saved one, those that were
        saved with it.
        """
        if isinstance(model.config, Saved):
            return tuple(self._artifact(model).config["mixture"])
        if isinstance(model.config, Transfer):
            return tuple(sorted(model.config.mixture))
        mixture = model.config.training.mixture if isinstance(model.config, Stage1 | Stage2) else {}
        return tuple(sorted(task for task, weight in mixture.items() if weight > 0))

    def architecture(self, name: str) -> Architecture:
        model, masks = self.models[name], self._mask_tokenizer_step
        config = self._artifact(model).config
        return Architecture(
            vision=self._artifact(_encoder(model)).config["vision"],
            projector=config["projector"],
            language=config["language"],
            mask_tokenizer=None if masks is None else self._artifact(masks).config["mask_tokenizer"],
        )

    def documents(self) -> Mapping[str, str]:
        built = self.architecture(STAGE_1)
        run = self.run
        return run_documents(run.experiment, run.graph, run.cell, self.store, self.models, built)

    def languages(self) -> Sequence[str]:
        return known_languages(self.run.alone)

    def _evaluation_of(self, name: str) -> Step:
        """The evaluation of a checkpoint: of its own benchmark, or any other; of any checkpoint where it has none."""
        digest = self.models[name].digest
        own = [step for step in self._evaluations if step.parents["model"].digest == digest]
        named = [step for step in own if _benchmark(step).name == name]
        return (named or own or self._evaluations)[0]

    @property
    def _mask_tokenizer_step(self) -> Step | None:
        steps = ancestry([*self.models.values(), *self._evaluations])
        return next((step.parents["mask_tokenizer"] for step in steps if "mask_tokenizer" in step.parents), None)

    def _artifact(self, step: Step) -> Artifact:
        return Artifact(self.store.path(step))

    def _require_artifacts(self) -> None:
        """Raise DataError that names the artifacts which are not in the store, or damaged."""
        masks = self._mask_tokenizer_step
        steps = [self.models[STAGE_1].parents["tokenizer"], *([] if masks is None else [masks])]
        for model in self.models.values():
            steps += [_encoder(model), model]
        missing = self.store.missing({step.digest: step for step in steps}.values())
        if missing:
            names = ", ".join(f"{step.label} ({step.name})" for step in missing)
            raise DataError(
                f"{self.name} is not complete: {names} {'is' if len(missing) == 1 else 'are'} not in {self.store.root},"
                " or damaged. Run the experiment again: finished stages are kept."
            )


def _evaluations(columns: Mapping[str, Step]) -> list[Step]:
    """The steps that measure answers."""
    return [step for step in columns.values() if isinstance(step.config, Evaluation)]


def _models(evaluations: list[Step]) -> dict[str, Step]:
    """The models by the names of their checkpoints, `STAGE_1` first."""
    transfers = [step for step in evaluations if isinstance(step.parents["model"].config, Transfer)]
    own = {_benchmark(step).model_of: step.parents["model"] for step in transfers}
    starts = [step.parents["model"] for step in own.values()]
    general = [step for step in ancestry(evaluations) if _is_general(step)]
    return {STAGE_1: (starts or general[-1:])[0], **own}


def _other_general(evaluations: list[Step], start: Step) -> dict[str, Step]:
    """The general model that was measured too, by its name: there is at most one, before or after stage 2."""
    models = [step.parents["model"] for step in evaluations]
    others = [step for step in models if _is_general(step) and step.digest != start.digest]
    return {"stage_2" if isinstance(step.config, Stage2) else "stage_1": step for step in others}


def _is_general(step: Step) -> bool:
    """Whether a step made a model that no transfer has specialised, or started from a saved one (`model.from`)."""
    config = step.config
    return isinstance(config, Stage1 | Stage2) or (isinstance(config, Saved) and config.part == "pali")


def _benchmark(evaluation: Step) -> Benchmark:
    assert isinstance(evaluation.config, Evaluation)
    return BENCHMARK.find(evaluation.config.benchmark)


def _encoder(model: Step) -> Step:
    """The step that trained the image encoder of a model: for stage 2's it is the same."""
    if isinstance(model.config, Stage2):
        return model
    features = model.parents.get("features")
    return model.parents["vision"] if features is None else features.parents["vision"]
