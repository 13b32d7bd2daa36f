"""The tasks that a source offers, by the annotations that its registered name declares (`annotations_of`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pali3kit import registry
from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.config.component import Component
from pali3kit.config.tasks import TASKS
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import RegistryError

TASKS_OF: dict[str, tuple[str, ...]] = {
    "captions": ("splitcap", "span_corruption", "caption", "caption_multilingual"),
    "words": ("ocr",),
    "questions": ("vqa", "vqg"),
    "things": ("object_vqa", "detect"),
    "masks": ("instance",),
    "expressions": ("refer",),
    "attributes": ("describe",),
    "labels": (),
    "texts": (),
}
"""Tasks by the annotations that they need: fields of `data.record.Record` or of its objects. `instance`, any object
with its mask, is for the mask tokenizer alone; `describe`, a caption of any image, for evaluation alone; labels of
images, and texts that are not captions (names of folders), are for pretraining alone. A source without annotations,
`()`, has texts alone.
"""
Supervision = Literal["texts", "labels", "masks"]
"""What an encoder or the mask tokenizer is trained on."""
SUPERVISES: dict[Supervision, tuple[str, ...]] = {
    "texts": ("captions", "texts"),
    "labels": ("labels", "things"),
    "masks": ("masks",),
}
"""The annotations that provide it, any of which is enough."""
VARIED = ("caption", "refer")  # tasks with variants: caption_de, refer_plus


def annotations_of(source: Component) -> tuple[str, ...] | None:
    """The kinds of annotations of a source's records; None if they are unknown."""
    entry = entry_of(source)
    return None if entry is None else entry.annotations


def available_tasks(source: Component) -> tuple[str, ...] | None:
    """The tasks of a source, by the annotations of its records; None if they are unknown: it may have any."""
    kinds = annotations_of(source)
    return None if kinds is None else _tasks(kinds)


def _tasks(kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(task for kind in kinds for task in TASKS_OF[kind])


def supervises(source: Component, what: Supervision) -> bool:
    """Whether a source, or any source of a union, may have images with texts, labels or masks."""
    if source.name == "union":
        parts = source.options.get("parts")
        if not isinstance(parts, dict) or not all(isinstance(part, Component) for part in parts.values()):
            return True
        return not parts or any(supervises(part, what) for part in parts.values())
    entry = entry_of(source)
    if entry is None or entry.annotations is None:
        return True
    if what == "labels" and source.options.get("classes", getattr(entry.options, "classes", None)) == 0:
        return False  # `pairs` without a number of classes
    return any(kind in entry.annotations for kind in SUPERVISES[what])


def supervised_part(source: Component, what: Supervision) -> Component:
    """The source, with the options that matter; of a union, those of its sources that supervise so. What is left out
    then cannot invalidate what is trained on it.
    """
    kept = {name: supervised_part(part, what) for name, part in source.parts.items() if supervises(part, what)}
    if kept:
        return replace(source, options={**source.options, "parts": kept})
    entry = entry_of(source)
    unread = () if entry is None or what == "labels" else entry.labelling
    return replace(source, options={key: value for key, value in source.options.items() if key not in unread})


def entry_of(source: Component) -> RegistryEntry | None:
    """The registry's entry of a source; None for an unknown name."""
    try:
        return registry.SOURCE.describe(source.name)
    except RegistryError:
        return None


def label_on(benchmark: Benchmark, source: str, task: str = "", published: bool = False) -> str:
    """`Benchmark.label` on a source, by the name of its component; "" for the public data set."""
    entry = entry_of(Component(name=source)) if source else None
    return benchmark.label(source, task, published, embedded=entry is not None and entry.embedded)


def is_joinable(source: Component) -> bool:
    """Whether a union can hold a source: one of images in files, or a plug-in's."""
    return not why_not_joinable(source)


def why_not_joinable(source: Component) -> str:
    """What a source lacks that parts of a union have; "" if it can be one."""
    entry = entry_of(source)
    if source.name == "union":
        return "a union itself: name its parts here"
    if entry is not None and entry.endless:
        return "whose images are drawn without an end: a union joins sources that have a number of them, such as files"
    if entry is not None and entry.annotations == ():
        return "which has texts and no images"
    return ""


def called(source: Component, task: str = "") -> str:
    """What messages call a source: of a union its part that a task names, or all parts."""
    part, parts = task.rpartition(".")[0], source.parts
    if part in parts:
        return f"part '{part}' of the union, '{parts[part].name}',"
    listed = ", ".join(f"{name} ('{each.name}')" for name, each in parts.items())
    return f"the union of {listed}" if listed else f"source '{source.name}'"


def may_be_own(source: Component) -> bool:
    """Whether a benchmark can have a source as its own."""
    return bool(own_parts(source)) or is_joinable(source)


def own_parts(source: Component) -> Mapping[str, tuple[str, ...]]:
    """The parts from which a source's option `only` chooses, and their annotations; none of most sources."""
    entry = entry_of(source)
    return (entry.parts if entry is not None else None) or {}


def tasks_of(source: Component) -> tuple[str, ...] | None:
    """The names that a mixture over `source` may use: tasks, and `part.task` of a union or of pages; None: any."""
    own = _by_part(source)
    if not own:
        return available_tasks(source)
    if None in own.values():
        return None
    single = [task for tasks in own.values() for task in tasks or ()]
    return tuple(dict.fromkeys([*single, *(f"{name}.{task}" for name, tasks in own.items() for task in tasks or ())]))


def names_of(source: Component) -> list[str]:
    """The names of all tasks, and `part.task` of a union or of pages: any other name is misspelt."""
    own = _by_part(source).items()
    return [*TASKS, *(f"{name}.{task}" for name, has in own for task in (TASKS if has is None else has))]


def _by_part(source: Component) -> dict[str, tuple[str, ...] | None]:
    """The tasks of each source of a union, None for an invalid one, and of each part of pages; empty for others."""
    if drawn := own_parts(source):
        chosen = source.options.get("only") or drawn
        return {name: _tasks(kinds) for name, kinds in drawn.items() if name in chosen}
    parts = source.options.get("parts") if source.name == "union" else None
    if not isinstance(parts, dict):
        return {}
    return {name: available_tasks(part) if isinstance(part, Component) else None for name, part in parts.items()}


def has_target(task: str) -> bool:
    """Whether examples of a task have a text to be learnt: those of `describe` are answered alone."""
    return task.rpartition(".")[2] not in TASKS_OF["attributes"]


def task_family(task: str) -> str:
    """The task of a variant: of `caption_de` it is `caption`, of `refs.refer_plus` it is `refs.refer`."""
    part, dot, name = task.rpartition(".")
    return part + dot + next((known for known in VARIED if name.startswith(f"{known}_")), name)
