"""Files of `records` on this machine, or unions of such: what `check` reads of an experiment's sources.

Other sources may be endless, or take long to read; what is behind a URL is not read here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.component import Component
from pali3kit.config.missing_files import is_here
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.plan.content import source_digest
from pali3kit.plan.examples import images_in

PURPOSE = {"train": "to train on", "test": "to test on"}
"""What the images of each split are for, in messages."""
_RECORDS = "records"


def is_own(source: Component) -> bool:
    """Whether a source is a file of `records` that lies here, or a union of such files."""
    return all(part.name == _RECORDS for part in source.parts.values() or [source]) and is_here(source)


def own_images(source: Component, split: str) -> int:
    """How many images a split of such files has, 0 where the source is none or has no such split. Raises DataError
    where they cannot be read.
    """
    return sum(images_in(source, split, part) for part in source.parts or [""]) if is_own(source) else 0


def unreadable(key: str, source: Component) -> Iterator[KeyProblem]:
    """Why such files cannot be read: one problem for each file, at its own key."""
    for name, part in (source.parts or {"": source}).items() if is_own(source) else ():
        at = f"{key}.parts.{name}" if name else key
        try:
            source_digest(part)  # which opens this part alone
            for split in PURPOSE:
                images_in(source, split, name)
        except DataError as error:
            yield at, f"{at}: {error}"


def sources_of(cell: Experiment) -> dict[str, Component]:
    """All sources of an experiment by their keys: `data.source`, those of benchmarks, and those of stages."""
    own = {f"data.benchmarks.{name}": source for name, source in cell.data.benchmarks.items()}
    sections = {name: getattr(section, "source", None) for name, section in vars(cell.stages).items()}
    stages = {f"stages.{name}.source": each for name, each in sections.items() if isinstance(each, Component)}
    return {"data.source": cell.data.source, **own, **stages}


def masks_of(cell: Experiment) -> tuple[str, Component]:
    """The key and the source of the masks that the mask tokenizer is trained and measured on."""
    own = cell.stages.mask_tokenizer.source
    return ("stages.mask_tokenizer.source", own) if own else ("data.source", cell.data.source)


def called_none(source: Component, split: str, count: int) -> str:
    """What messages say of files none of whose first `count` images of a split has something."""
    there = min(count, own_images(source, split))
    return f"none of the {there} images {PURPOSE[split]} of {file_of(source, split)}"


def file_of(source: Component, split: str) -> str:
    """What messages call the file of a split."""
    return str(source.options.get(split) or source.options.get("path") or f"the {source.name}")
