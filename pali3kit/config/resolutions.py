"""Whether stage 2's pictures grow to sizes that everything can take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pali3kit.config.budgets import Complaint, has_stage_2
from pali3kit.config.ports import projector, vision, world
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Resolution
from pali3kit.errors import choose

OF_SIZES = ("model.vision.patch", "model.vision.size", "model.projector.factor", "model.image_size")


def resolutions(cell: Experiment) -> Iterator[Complaint]:
    """Check stage 2's steps, and that transfers start from a size that there is."""
    steps, start = cell.stages.resolution.steps, cell.stages.transfer.image_size
    sizes = [cell.model.image_size, *(step.image_size for step in steps)]
    if start is not None and start not in sizes:
        near = choose(str(start), map(str, sizes))
        yield "stages.transfer.image_size", f"no model of {start} pixels is trained.{near}"
    for key, asked in (
        ("stages.transfer.start", cell.stages.transfer.start == "resolution"),
        ("evaluation.after", "resolution" in cell.evaluation.after),
    ):
        if asked and not steps:
            yield key, f"{key}: there is no stage 2, since stages.resolution has no steps."
    for i, step in enumerate(steps if has_stage_2(cell) else ()):
        key = f"stages.resolution.steps[{i}]"
        if 0 < step.examples < cell.stages.resolution.batch_size:
            batch = cell.stages.resolution.batch_size
            yield f"{key}.examples", f"{step.examples} examples are less than one batch of {batch}"
        if cell.model.vision.name.startswith("open_clip/"):
            yield key, f"{cell.model.vision.name} works at one resolution alone: take timm/, hf/ or vit for stage 2."
        model = replace(cell.model, image_size=step.image_size)
        at_size = replace(cell, model=model, stages=replace(cell.stages, resolution=Resolution()))
        for check in (vision, projector, world):
            for where, text in check(at_size):
                if where in OF_SIZES:
                    yield f"{key}.image_size", text
