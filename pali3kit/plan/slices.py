"""The slice of an experiment that each kind of stage depends on: exactly what determines its result.

Slices are flat and use these keys: `source`, `vision`, `projector`, `language`, `masks` are parts
(`{"name": ..., **options}`); `data` is the digest of the source's content, where it knows one; `training` is the
stage's budget (the fields of its section of `stages`); the rest (`pretrain`, `image_size`, `split`, `count`, `test`,
`vocabulary`, `file`, `rows`, `bins`, `codes`, `task`, `column`, `after`, `limit`, `beams`, `shots`, `draws`, `length`,
`prefix`, `prompt_length`, `target_length`) are plain values. What looks at an encoder alone has sets (`labelled` or
`captioned`, parts), the names of `sets`, `splits`, `crop`, somebody's `towers` (a part), and `curve`, `neighbours`,
`classifier`, `prompts`, `text_length`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pali3kit.config.budgets import REGION_COLUMNS, recipe, said_of
from pali3kit.config.offers import general, tasks_of
from pali3kit.config.schema import Experiment
from pali3kit.config.supply import TRANSFER_OF
from pali3kit.plan.content import budget, content_of, data_of, plain, weights_of
from pali3kit.plan.step import Step

# The tokenizer and the mask codec define the text of every target, and a test set is one test set: they are the
# same for all seeds. Features are a function of their vision encoder.
SEEDED = frozenset({"vision", "language", "multimodal", "resolution", "transfer", "probe", "lit", "finetune", "linear"})

# What only one arm of the pretraining reads: it must not rerun the other.
ARM_FIELDS = {
    "classif": {"head_bias", "loss"},
    "siglip": {"temperature", "bias", "text", "text_length"},
}


class Stages:
    """The steps of one cell: each method is one kind's slice of the experiment."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self.experiment, self.seed = experiment, seed
        self.source = {"source": plain(experiment.data.source), **data_of(experiment.data.source)}
        self.scenes = self.scenes_at(experiment.model.image_size)

    def scenes_at(self, size: int) -> dict[str, Any]:
        """The source, and how large its pictures are."""
        return {**self.source, "image_size": size}

    def step(self, kind: str, config: Mapping[str, Any], /, **parents: Step) -> Step:
        return Step(kind, kind, config, self.seed if kind in SEEDED else 0, parents)

    @cached_property
    def tokenizer(self) -> Step:
        """A tokenizer that is given reads no text of the source."""
        chosen, codes = self.experiment.tokenizer, self.experiment.model.masks.options.get("codes")
        if chosen.file is not None:
            given = {"file": chosen.file, "rows": chosen.rows, "codes": codes, **content_of("data", chosen.file)}
            return self.step("tokenizer", given)
        return self.step(
            "tokenizer",
            {
                **self.source,
                "vocabulary": chosen.vocabulary,
                "sentences": chosen.sentences,
                "bins": chosen.bins,
                "codes": codes,
            },
        )

    @cached_property
    def masks(self) -> Step:
        """Of files any object will do; the world is asked for those that it can refer to."""
        part, section = self.experiment.model.masks, self.experiment.stages.masks
        source, training = section.source or self.experiment.data.source, budget(section)
        training.pop("source", None)
        config = {"source": plain(source), **data_of(source), "image_size": self.experiment.model.image_size}
        task = {"task": "instance"} if "instance" in (tasks_of(source) or ()) else {}
        return self.step("masks", {**config, **task, "masks": plain(part), **weights_of(part), "training": training})

    @cached_property
    def language(self) -> Step:
        part, training = self.experiment.model.language, self.experiment.stages.language
        bins = self.experiment.tokenizer.bins
        config = {
            **self.source,
            "bins": bins,
            "language": plain(part),
            **weights_of(part),
            "training": budget(training),
        }
        return self.step("language", config, tokenizer=self.tokenizer)

    @cached_property
    def vision(self) -> Step:
        """The tokenizer and the text tower are SigLIP's alone; weights that stay as they are see no data."""
        pretrain, model = self.experiment.pretrain, self.experiment.model
        shape = {"pretrain": pretrain, "vision": plain(model.vision), "image_size": model.image_size}
        shape |= weights_of(model.vision)
        if pretrain not in ARM_FIELDS:
            return self.step("vision", shape)
        section = self.experiment.stages.vision
        training = {**budget(section), "text": plain(section.text)}
        for other in ARM_FIELDS.keys() - {pretrain}:
            training = {key: value for key, value in training.items() if key not in ARM_FIELDS[other]}
        parents = {"tokenizer": self.tokenizer} if pretrain == "siglip" else {}
        return self.step("vision", {**shape, **self.scenes, "training": training}, **parents)

    def features(self, split: str, tuned: Step | None = None) -> Step:
        """The tokens of the pretrained encoder, or of the one that stage 2 left."""
        count, scenes = getattr(self.experiment.data, split), self.scenes
        if tuned is not None:
            scenes = self.scenes_at(tuned.config["image_size"])
        return self.step("features", {**scenes, "split": split, "count": count}, vision=tuned or self.vision)

    @cached_property
    def denoising(self) -> Step:
        """Held-out text is one test, whatever the seed; `prefix` is part of what is measured, so always said."""
        training, bins = self.experiment.stages.language, self.experiment.tokenizer.bins
        test = {"length": training.length, "prefix": training.prefix, "limit": self.experiment.evaluation.limit}
        config = {**self.source, "bins": bins, **test}
        return self.step("denoising", config, language=self.language, tokenizer=self.tokenizer)

    def inputs(self, split: str, regions: bool, tuned: Step | None = None) -> dict[str, Step]:
        """The parents that every stage on a frozen encoder has, and the mask tokenizer where regions are written or
        read.
        """
        seen = {"features": self.features(split, tuned)} if self.cached else {"vision": tuned or self.vision}
        return {**seen, **self.readers(regions)}

    @property
    def cached(self) -> bool:
        return self.experiment.data.cache

    def readers(self, regions: bool) -> dict[str, Step]:
        """The tokenizers of texts, and of masks where regions are written or read."""
        return {"tokenizer": self.tokenizer, **({"masks": self.masks} if regions else {})}

    @cached_property
    def texts(self) -> dict[str, Any]:
        """What every stage on PaLI needs in order to read and write texts about scenes."""
        return self.texts_on(self.scenes)

    def texts_on(self, scenes: dict[str, Any]) -> dict[str, Any]:
        """The same, with pictures of another size."""
        multimodal = self.experiment.stages.multimodal
        lengths = {"prompt_length": multimodal.prompt_length, "target_length": multimodal.target_length}
        counted = {} if self.cached else {"count": self.experiment.data.train}
        return {**scenes, "bins": self.experiment.tokenizer.bins, **lengths, **counted}

    @property
    def held_out(self) -> dict[str, int]:
        """How many of the last train pictures no stage on PaLI is trained on, where there are any."""
        held = self.experiment.data.validation
        return {"validation": held} if held else {}

    @cached_property
    def multimodal(self) -> Step:
        training = budget(self.experiment.stages.multimodal)
        del training["prompt_length"], training["target_length"]  # in `texts`, as every stage on PaLI has them
        projector = plain(self.experiment.model.projector)
        config = {**self.texts, **self.held_out, "projector": projector, "training": training}
        inputs = self.inputs("train", has_regions(training["mixture"]))
        return self.step("multimodal", config, language=self.language, **inputs)

    @cached_property
    def resolutions(self) -> list[Step]:
        """Stage 2, a step for each of its steps: each continues the one before it."""
        section = self.experiment.stages.resolution
        steps: list[Step] = []
        mixture = section.mixture or self.experiment.stages.multimodal.mixture
        training = {**budget(section), "mixture": mixture}
        del training["steps"], training["grow"]
        for step in section.steps:
            before = steps[-1] if steps else None
            size = step.image_size if section.grow else self.experiment.model.image_size
            config = {
                **self.texts_on(self.scenes_at(size)),
                **self.held_out,
                "count": self.experiment.data.train,
                "training": {**training, "examples": step.examples},
            }
            parents = {"model": before or self.multimodal, "vision": before or self.vision}
            readers = self.readers(has_regions(mixture))
            steps.append(self.step("resolution", config, **parents, **readers))
        return steps

    @cached_property
    def tuned(self) -> Step | None:
        """The step of stage 2 that is measured, and that transfers may start from; None before the first."""
        wanted = self.experiment.stages.transfer.image_size
        steps = [step for step in self.resolutions if wanted in (None, step.config["image_size"])]
        return steps[-1] if steps else None

    @cached_property
    def start(self) -> Step | None:
        """The step of stage 2 that transfers start from; None where they start from stage 1."""
        return self.tuned if self.experiment.stages.transfer.start == "resolution" else None

    def transfer(self, task: str) -> Step:
        training = budget(recipe(self.experiment.stages.transfer, task))
        for not_its_own in ("tasks", "start", "image_size"):
            training.pop(not_its_own, None)
        checks = training.get("checks", 0)
        if not checks:
            del training["validate"]
        named = self.experiment.data.columns.get(task, task)
        scored = {"column": task} if checks else {}
        config = {**self._seen(self.start), **self.held_out, "task": named, **scored, "training": training}
        inputs = self.inputs("train", has_regions({named: 1.0}), self.start)
        return self.step("transfer", config, model=self.start or self.multimodal, **inputs)

    def _seen(self, tuned: Step | None) -> dict[str, Any]:
        return self.texts if tuned is None else self.texts_on(self.scenes_at(tuned.config["image_size"]))

    def evaluate(self, column: str, after: str) -> Step:
        model, tuned = self._measured(column, after)
        chosen, regions = self.experiment.evaluation, column in REGION_COLUMNS
        config = {
            **self._seen(tuned),
            "column": column,
            "after": after,
            "limit": chosen.limit,
            "beams": self._beams(column, after),
            "test": self.experiment.data.test,
            **({"constrained": True} if regions and chosen.constrained else {}),
            **({"task": named} if (named := self.experiment.data.columns.get(column)) else {}),
        }
        return self.step("evaluate", config, model=model, **self.inputs("test", regions, tuned))

    def _beams(self, column: str, after: str) -> int:
        """The evaluation's, unless the transfer's recipe says how its task is measured."""
        said = said_of(self.experiment.stages.transfer, TRANSFER_OF.get(column, column)).beams
        return said if after == "transfer" and said is not None else self.experiment.evaluation.beams

    def _measured(self, column: str, after: str) -> tuple[Step, Step | None]:
        """The model that a column measures, and the step of stage 2 whose encoder it has."""
        if after == "transfer":
            return self.transfer(TRANSFER_OF.get(column, column)), self.start
        tuned = self.tuned if after == "resolution" else None
        return tuned or self.multimodal, tuned


def has_regions(mixture: Mapping[str, float]) -> bool:
    """Whether a mixture has targets with mask tokens; a part of a union's task is `part.refer`."""
    return any(weight > 0 for name, weight in mixture.items() if general(name).rpartition(".")[2] == "refer")
