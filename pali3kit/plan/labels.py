"""Names of stages for people: short, and different wherever the stages are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pali3kit.plan.step import Cell, Step, ancestry


def labelled(cells: list[Cell]) -> list[Cell]:
    """Name every step by its kind and by what tells it from the other steps of that kind.

    A step shared by several cells is named only by what these cells have in common.
    """
    short = {key: _short([cell.point[key] for cell in cells]) for key in (cells[0].point if cells else ())}
    marks = [
        {**{key: short[key](value) for key, value in cell.point.items()}, "": f"seed {cell.seed}"} for cell in cells
    ]
    varying = [key for key in (marks[0] if marks else ()) if len({mark[key] for mark in marks}) > 1]
    owners: dict[str, list[dict[str, str]]] = {}
    for cell, mark in zip(cells, marks, strict=True):
        for step in ancestry(cell.columns.values()):
            owners.setdefault(step.digest, []).append(mark)
    renamed: dict[str, Step] = {}

    def rename(step: Step) -> Step:
        if step.digest not in renamed:
            shared = [{mark[key] for mark in owners[step.digest]} for key in varying]
            label = " ".join([_what(step), *(values.pop() for values in shared if len(values) == 1)])
            parents = {role: rename(parent) for role, parent in step.parents.items()}
            renamed[step.digest] = replace(step, label=label, parents=parents)
        return renamed[step.digest]

    return [replace(cell, columns={name: rename(step) for name, step in cell.columns.items()}) for cell in cells]


def _short(values: Sequence[Any]) -> Callable[[Any], str]:
    """How the values of an axis are shown: parts by their names alone where these tell them apart."""
    whole, names = {value_label(value) for value in values}, {_part_name(value) for value in values}
    return _part_name if len(names) == len(whole) else value_label


def _part_name(value: Any) -> str:
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else value_label(value)


def _what(step: Step) -> str:
    """Name a step by its kind and its task, column, split or size, e.g. `transfer/vqa`, `evaluate/caption@multimodal`,
    `resolution/2@448`, `features/train@448`.
    """
    if step.kind == "resolution":
        return f"resolution/{step_of(step)}@{step.config['image_size']}"
    if step.kind == "embed":
        return _embedded(step)
    detail = step.config.get("column") or step.config.get("task") or step.config.get("split")
    after = step.config.get("after", "transfer")
    if "vision" in step.parents and step.parents["vision"].kind == "resolution":
        after = step.config["image_size"]
    return f"{step.kind}/{detail}" + (f"@{after}" if after != "transfer" else "") if detail else step.kind


def _embedded(step: Step) -> str:
    """The set of an `embed`, its splits unless they are those of a probe, and what is told of it if no feature."""
    part = step.config.get("labelled") or step.config["captioned"]
    splits, crop = step.config["splits"], step.config["crop"]
    which = "" if splits == ["train", "test"] else f".{'+'.join(splits)}"
    name = part.get("task") or (Path(part["path"]).name if part["name"] == "folders" else part["name"])
    how = " logits" if "classifier" in step.parents else ""
    return f"embed/{name}{which}{how}" + (f" {crop:g}" if crop < 1 else "")


def step_of(step: Step) -> int:
    """Which step of stage 2 a step is, from 1."""
    before = step.parents["model"]
    return 1 + (step_of(before) if before.kind == step.kind else 0)


def value_label(value: Any) -> str:
    """Show a grid value: a part by its name and the options given with it, anything else as it is written."""
    if not isinstance(value, Mapping) or "name" not in value:
        return str(getattr(value, "name", value))
    options = ", ".join(f"{key} {value_label(option)}" for key, option in value.items() if key != "name")
    return f"{value['name']} ({options})" if options else str(value["name"])
