"""The slices of the stages that look at an image encoder alone, for `slices.Stages`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from pali3kit.config.digest import digest
from pali3kit.config.encoder import probe_sets
from pali3kit.config.schema import Part
from pali3kit.errors import DataError
from pali3kit.plan.content import budget, data_of, plain, weights_of
from pali3kit.plan.sets import opened
from pali3kit.plan.slices import Stages
from pali3kit.plan.step import Step
from pali3kit.registry import CAPTIONED, LABELLED, Registry

OF_TESTS = ("real", "v2", "names")  # options of sets that say nothing of train pictures


class EncoderStages:
    """The steps that measure the encoder of `stages`, or somebody's whole model: a property for each column."""

    def __init__(self, stages: Stages) -> None:
        self.stages, self.experiment, self.step = stages, stages.experiment, stages.step

    @cached_property
    def probe(self) -> Step:
        chosen, sets = self.experiment.evaluation, probe_sets(self.experiment)
        embedded = {name: self.embed(LABELLED, part, ["train", "test"], chosen.crop) for name, part in sets.items()}
        config = {"sets": list(sets), "shots": chosen.shots, "curve": chosen.curve, "draws": chosen.draws}
        return self.step("probe", config, **embedded)

    def embed(self, kind: Registry[Any], part: Part, splits: list[str], crop: float = 1.0) -> Step:
        """Features of a set, by the encoder or by somebody's whole model."""
        towers = self.experiment.model.towers
        config = {**self._set(kind, part, splits), "splits": splits, "crop": crop}
        if towers is not None:
            return self.step("embed", {**config, "towers": plain(towers), **weights_of(towers)})
        return self.step("embed", config, vision=self.stages.vision)

    def _set(
        self, kind: Registry[Any], part: Part, splits: Sequence[str], image_size: int | None = None
    ) -> dict[str, Any]:
        """Some splits of a labelled or captioned set, and how large it draws its pictures, if it draws them.

        What learns from train pictures alone does not depend on what they are tested on.
        """
        known = plain(part)
        pictures = opened(kind.kind, known)
        if absent := [split for split in splits if not pictures.size(split)]:
            where = f"{part.name} {part.options.get('path', '')}".strip()
            raise DataError(f"{where}: there are no pictures in its split '{absent[0]}'")
        content = [pictures.content(split) for split in splits]
        if list(splits) == ["train"]:
            known = {key: value for key, value in known.items() if key not in OF_TESTS}
        elif kind is LABELLED:
            content += pictures.classes
        return {
            kind.kind: known,
            "data": digest(content),
            "count": sum(pictures.size(split) for split in splits),
            "image_size": image_size or self.experiment.model.image_size,
        }

    @cached_property
    def splits(self) -> list[str]:
        """The test pictures that the labelled set has."""
        pictures = opened(LABELLED.kind, plain(self.experiment.evaluation.labelled))
        return ["test", *(["v2"] if pictures.size("v2") else [])]

    def labelled(self, splits: list[str], crop: float) -> Step:
        return self.embed(LABELLED, self.experiment.evaluation.labelled, splits, crop)

    @cached_property
    def knn(self) -> Step:
        chosen = self.experiment.evaluation
        config = {"neighbours": chosen.neighbours, "splits": self.splits}
        train, test = (self.labelled(splits, chosen.crop) for splits in (["train"], self.splits))
        if (there := train.config["count"]) < chosen.neighbours:
            raise DataError(f"evaluation.neighbours: {chosen.neighbours} asked of {there} train pictures")
        return self.step("knn", config, train=train, test=test)

    @cached_property
    def linear(self) -> Step:
        crop = self.experiment.evaluation.crop
        config = {"classifier": asdict(self.experiment.stages.linear), "splits": self.splits}
        return self.step("linear", config, train=self.labelled(["train"], crop), test=self.labelled(self.splits, crop))

    @cached_property
    def finetune(self) -> Step:
        """The classifier's logits on the test pictures, and what they are worth."""
        section, chosen = self.experiment.stages.finetune, self.experiment.evaluation
        training = budget(section)
        training.pop("image_size", None)
        learned = self._set(LABELLED, chosen.labelled, ["train"], section.image_size)
        pictures = self._set(LABELLED, chosen.labelled, self.splits, section.image_size)
        classifier = self.step("finetune", {**learned, "training": training}, vision=self.stages.vision)
        logits = self.step("embed", {**pictures, "splits": self.splits, "crop": chosen.crop}, classifier=classifier)
        return self.step("classify", {"column": "finetune", "splits": self.splits}, test=logits)

    @cached_property
    def lit(self) -> Step:
        """The text tower for the frozen encoder, which learns from pairs in the source's languages."""
        section, model = self.experiment.stages.lit, self.experiment.model
        pretraining = self.experiment.stages.vision
        training = {
            **budget(section),
            "text": plain(section.text or pretraining.text),
            "bias": pretraining.bias if section.bias is None else section.bias,
        }
        source = section.source or self.experiment.data.source
        training.pop("source", None)
        config = {"source": plain(source), **data_of(source), "image_size": model.image_size}
        config |= {"text_length": pretraining.text_length, "training": training}
        return self.step("lit", config, vision=self.stages.vision, tokenizer=self.stages.tokenizer)

    def _texts(self) -> tuple[dict[str, Any], dict[str, Step]]:
        """What reads texts: a whole model, or the parents that hold the trained towers."""
        towers = self.experiment.model.towers
        if towers is not None:
            return {"towers": plain(towers), **weights_of(towers)}, {}
        own = self.experiment.evaluation.texts == "own"
        return {}, {"towers": self.stages.vision if own else self.lit, "tokenizer": self.stages.tokenizer}

    @cached_property
    def zero_shot(self) -> Step:
        config, parents = self._texts()
        classes = opened(LABELLED.kind, plain(self.experiment.evaluation.labelled)).classes
        if unnamed := [name for name in classes if re.fullmatch(r"n\d{8}", name)]:
            raise DataError(
                f"no text can ask for class {unnamed[0]}: say what it is called (evaluation.labelled.names)"
            )
        test = self.labelled(self.splits, 1.0)
        said = {"prompts": self.experiment.evaluation.prompts, "splits": self.splits}
        return self.step("zero_shot", {**said, **config}, test=test, **parents)

    @cached_property
    def retrieval(self) -> Step:
        config, parents = self._texts()
        part = self.experiment.evaluation.captioned
        return self.step(
            "retrieval",
            {**self._set(CAPTIONED, part, ["test"]), **config},
            images=self.embed(CAPTIONED, part, ["test"]),
            **parents,
        )
