"""Which tasks a source can have: those of what its records tell, known from its name alone."""

from __future__ import annotations

from typing import Literal

from pali3kit import registry
from pali3kit.config.part import Part
from pali3kit.config.tasks import TASKS
from pali3kit.declared.entry import Entry
from pali3kit.errors import RegistryError

TASKS_OF: dict[str, tuple[str, ...]] = {
    "captions": ("splitcap", "span_corruption", "caption", "caption_multilingual"),
    "words": ("ocr",),
    "questions": ("vqa", "vqg"),
    "things": ("object_vqa", "detect"),
    "masks": ("instance",),
    "expressions": ("refer",),
    "labels": (),
    "texts": (),
}
"""Tasks by what a record must tell for them: a field of `data.record.Record`, or of its things. `instance`, any thing
with its mask, is for the mask tokenizer alone; labels of pictures, and texts that are no captions (names of folders),
are for pretraining alone. A source that tells nothing, `()`, has texts alone.
"""
Supervision = Literal["texts", "labels", "masks"]
"""What an encoder, or the mask tokenizer, learns from."""
SUPERVISES: dict[Supervision, tuple[str, ...]] = {
    "texts": ("captions", "texts"),
    "labels": ("labels", "things"),
    "masks": ("masks",),
}
"""What a picture's record must tell of for it: any of these."""
VARIED = ("caption", "refer")  # tasks with variants: caption_de, refer_plus


def tells(source: Part) -> tuple[str, ...] | None:
    """What a source's records tell; None where that is unknown."""
    entry = entry_of(source)
    return None if entry is None else entry.tells


def offers(source: Part) -> tuple[str, ...] | None:
    """The tasks that a source has, by what its records tell; None where that is unknown: it may have any."""
    told = tells(source)
    return None if told is None else tuple(task for kind in told for task in TASKS_OF[kind])


def supervises(source: Part, what: Supervision) -> bool:
    """Whether a source, or of a union any part, may have pictures with texts, labels or masks. What is refused may."""
    if source.name == "union":
        parts = source.options.get("parts")
        if not isinstance(parts, dict) or not all(isinstance(part, Part) for part in parts.values()):
            return True
        return not parts or any(supervises(part, what) for part in parts.values())
    entry = entry_of(source)
    if entry is None or entry.tells is None:
        return True
    if what == "labels" and source.options.get("classes", getattr(entry.options, "classes", None)) == 0:
        return False  # `pairs`, of which nobody said how many classes its labels are of
    return any(kind in entry.tells for kind in SUPERVISES[what])


def supervising(source: Part, what: Supervision) -> Part:
    """The source; of a union, the union of the parts that supervise so: a change of another one is not their affair."""
    kept = {name: part for name, part in parts(source).items() if supervises(part, what)}
    return Part(name=source.name, options={**source.options, "parts": kept}) if kept else source


def entry_of(source: Part) -> Entry | None:
    """What the registry knows of a source; None for a name that it does not."""
    try:
        return registry.SOURCE.describe(source.name)
    except RegistryError:
        return None


def parts(source: Part) -> dict[str, Part]:
    """The parts of a union by name, less those that are refused; none of other sources."""
    parts = source.options.get("parts") if source.name == "union" else None
    named = parts.items() if isinstance(parts, dict) else ()
    return {name: part for name, part in named if isinstance(part, Part)}


def tasks_of(source: Part) -> tuple[str, ...] | None:
    """The names that a mixture over `source` may say: tasks, and `part.task` of a union's parts; None: any."""
    own = _by_part(source)
    if not own:
        return offers(source)
    if None in own.values():
        return None
    single = [task for tasks in own.values() for task in tasks or ()]
    return tuple(dict.fromkeys([*single, *(f"{name}.{task}" for name, tasks in own.items() for task in tasks or ())]))


def names_of(source: Part) -> list[str]:
    """All tasks that there are by name, and `part.task` of a union's parts: any other name is misspelt."""
    own = _by_part(source).items()
    return [*TASKS, *(f"{name}.{task}" for name, has in own for task in (TASKS if has is None else has))]


def _by_part(source: Part) -> dict[str, tuple[str, ...] | None]:
    """The tasks of each part of a union; one that is refused may be of any source. Empty for other sources."""
    parts = source.options.get("parts") if source.name == "union" else None
    if not isinstance(parts, dict):
        return {}
    return {name: offers(part) if isinstance(part, Part) else None for name, part in parts.items()}


def general(task: str) -> str:
    """The task that a variant is of: a caption's language, a set of expressions; of a part, where one is named."""
    part, dot, name = task.rpartition(".")
    return part + dot + next((known for known in VARIED if name.startswith(f"{known}_")), name)
