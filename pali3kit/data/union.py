"""A source that concatenates several sources, whose images share one numbering."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import accumulate, zip_longest
from typing import Any

import numpy as np

from pali3kit.config.available_tasks import Supervision, available_tasks, supervises, task_family
from pali3kit.config.component import Component
from pali3kit.config.kinds import PlainComponent
from pali3kit.data.records import RecordSource, Skips
from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError, RegistryError, choose, counted
from pali3kit.registry import SOURCE
from pali3kit.text.quality import TextFilter


@SOURCE.register("union", "several sources of images as one")
class UnionSource(SourceBase):
    """The registry's `union`. A task is `part.task`, or `task` of all parts that have it, weighted by their images.

    For the stages on PaLI, images are numbered part by part. Pretraining has its own range of numbers, over shuffled
    images of the parts that may have texts or labels; `telling(what)` narrows it, and its parts, to one of them. A part
    without a test split adds nothing to the test split.

    Args:
        parts: `{"name": ..., **options}` of each part, by the part's name in this union.
        image_size: passed to the parts.
    """

    skips: Skips

    def __init__(self, parts: Mapping[str, PlainComponent], image_size: int = 0) -> None:
        if not parts:
            raise DataError("a union has no parts: name at least one source")
        sources = {name: Component(name=plain["name"], options={**plain}) for name, plain in parts.items()}
        built = {name: _build(name, options, image_size) for name, options in parts.items()}
        self._join(sources, built, Skips())

    def _join(self, sources: Mapping[str, Component], parts: Mapping[str, RecordSource], skips: Skips) -> None:
        """Initialise from `parts`, which were built from `sources`."""
        self.sources, self.parts, self.skips = sources, parts, skips
        for part in parts.values():
            part.skips = skips
        lines = "".join(f"{name} {part.digest}\n" for name, part in parts.items())
        self.digest = hashlib.sha256(lines.encode()).hexdigest()
        self._narrowed: dict[Supervision, UnionSource] = {}
        self._order = lru_cache(2)(lambda *turn: np.random.default_rng(turn).permutation(self._pretraining))

    def telling(self, what: Supervision) -> UnionSource:
        """The union of the parts that may have images with `what`. Raises DataError where there is none."""
        if what not in self._narrowed:
            sources = {name: source for name, source in self.sources.items() if supervises(source, what)}
            if not sources:
                raise DataError(f"no part of the union has images with {what}: they are {', '.join(self.parts)}")
            parts = {name: self.parts[name].telling(what) for name in sources}
            narrowed = self
            if any(parts.get(name) is not part for name, part in self.parts.items()):
                narrowed = object.__new__(UnionSource)
                narrowed._join(sources, parts, self.skips)
            self._narrowed[what] = narrowed
        return self._narrowed[what]

    @cached_property
    def _pretraining(self) -> np.ndarray:
        """The numbers of the images that pretraining may learn from; all images where no part has texts or labels."""
        if windows := [name for name, part in self.parts.items() if part.by_windows]:
            raise DataError(f"part '{windows[0]}' has a window: a union shuffles all its images; pretrain on it alone")
        wanted = [supervises(part, "texts") or supervises(part, "labels") for part in self.sources.values()]
        places = np.arange(self.size("train"))
        found = places[np.repeat(wanted, [part.size("train") for part in self.parts.values()])]
        return found if len(found) else places

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes of all parts; equal names are one class."""
        return tuple(dict.fromkeys(name for part in self.parts.values() for name in part.classes))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(language for part in self.parts.values() for language in part.languages))

    @property
    def damages(self) -> list[str]:
        return [damage for part in self.parts.values() for damage in part.damages]

    @property
    def max_images(self) -> int:
        """The most images that an example of any part has."""
        return max(part.max_images for part in self.parts.values())

    @property
    def text_filters(self) -> dict[str, TextFilter]:
        """Statistics of the parts' filters."""
        return {name: text_filter for name, part in self.parts.items() for text_filter in part.text_filters.values()}

    def size(self, split: str) -> int:
        return self._ends(split)[-1]

    def _ends(self, split: str) -> list[int]:
        """The number of images up to the end of each part."""
        if split not in self._known:
            self._known[split] = list(accumulate(part.size(split) for part in self.parts.values()))
        return self._known[split]

    @cached_property
    def _known(self) -> dict[str, list[int]]:
        return {}

    def ranges(self, name: str, split: str, count: int) -> Iterator[range]:
        """Ranges of a part's images among the first `count`, one for each pass over the union."""
        number, ends = list(self.parts).index(name), self._ends(split)
        start, end, total = ends[number] - self.parts[name].size(split), ends[number], ends[-1]
        for turn in range(-(-count // total) if total else 0):
            found = range(min(turn * total + start, count), min(turn * total + end, count))
            if found:
                yield found

    def number_in_union(self, name: str, split: str, own: int) -> int:
        """Which image of the union is image `own` of a part, in the order of the parts: `locate` backwards."""
        size, ends = self.parts[name].size(split), self._ends(split)
        turn, position = divmod(own, size)
        return turn * ends[-1] + ends[list(self.parts).index(name)] - size + position

    def places(self, name: str, task: Task, split: str, count: int) -> Iterator[range]:
        """Where a part's `task` may have examples among the first `count` images."""
        size, reached = self.parts[name].size(split), sum(map(len, self.ranges(name, split, count)))
        for own in task.where(split, reached) if reached else ():
            while own:  # cut where a pass over the part ends
                end = min(own.stop, (own.start // size + 1) * size)
                start = self.number_in_union(name, split, own.start)
                yield range(start, start + end - own.start)
                own = range(end, own.stop)

    def locate(self, split: str, index: int) -> tuple[str, int]:
        """The part that an image is of, and its number there. Raises DataError beyond the end of the test split."""
        ends = self._ends(split)
        if split != "train" and index >= ends[-1]:
            raise DataError(f"the {split} split has {counted(ends[-1], 'image')}, not {index + 1}: lower data.{split}")
        stretch, place = divmod(index, STRETCH)
        turn, position = divmod(place, len(self._pretraining) if stretch else ends[-1])
        if stretch:
            position = int(self._order(stretch, turn)[position])
        number = int(np.searchsorted(ends, position, side="right"))
        name = list(self.parts)[number]
        size = self.parts[name].size(split)
        return name, stretch * STRETCH + turn * size + position - (ends[number] - size)

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, at its own size."""
        name, own = self.locate(split, index)
        return self.parts[name].image(split, own)

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        name, own = self.locate(split, index)
        part = self.parts[name]
        return tuple(sorted({self.classes.index(part.classes[label]) for label in part.labels(split, own)}))

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        name, own = self.locate(split, index)
        return self.parts[name].alt_text(split, own, rng)

    def task(self, name: str, bins: int) -> Task:
        """Raises RegistryError where no part, or not the part that is named, has the task."""
        part, _, task = name.rpartition(".")
        if part and part not in self.parts:
            raise RegistryError(f"task '{name}': the union has no part '{part}'.{choose(part, self.parts)}")
        tasks = {
            known: source.task(task, bins)
            for known, source in self.parts.items()
            if known == part or (not part and self._has(known, task))
        }
        if not tasks:
            raise RegistryError(f"no part of the union has a task '{name}': they are {', '.join(self.parts)}.")
        return _UnionTask(name, self, tasks)

    def _has(self, part: str, task: str) -> bool:
        offered = available_tasks(self.sources[part])
        return offered is None or task in offered or task_family(task) in offered

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts of the parts in alternation."""
        return _by_turns([part.sentences(seed, bins) for part in self.parts.values()], limit)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts of the parts that hold some out; sources of labelled images do not."""
        parts = [part for name, part in self.parts.items() if available_tasks(self.sources[name]) != ()]
        if not parts:
            raise DataError("no part of the union has held-out text: take a source of texts")
        return _by_turns([part.held_out(bins) for part in parts], limit)

    def tokenized(self, text: str, language: str) -> str:
        return text


class _UnionTask:
    """A task on some parts of a union."""

    def __init__(self, name: str, union: UnionSource, tasks: Mapping[str, Task]) -> None:
        self.name, self.union, self.tasks = name, union, tasks

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        part, own = self.union.locate(split, index)
        example = self.tasks[part].draw(split, own, rng) if part in self.tasks else None
        if example is None:
            return None
        return replace(
            example, images=tuple(self.union.number_in_union(part, split, image) for image in example.images)
        )

    def where(self, split: str, count: int) -> Sequence[range]:
        """Where the parts' tasks may have examples. Raises DataError where the first `count` do not reach them."""
        found = [places for part, task in self.tasks.items() for places in self.union.places(part, task, split, count)]
        if not found:
            total, parts = self.union.size(split), " and ".join(self.tasks)
            raise DataError(
                f"task '{self.name}': none of the first {count} {split} images is of {parts};"
                f" the parts have {total} together: raise data.{split}"
            )
        return sorted(found, key=lambda places: places.start)


def _build(name: str, options: Mapping[str, Any], image_size: int) -> RecordSource:
    part = SOURCE.build(options["name"], image_size=image_size, **{k: v for k, v in options.items() if k != "name"})
    if not isinstance(part, RecordSource):
        reason = "a union itself: name its parts here" if options["name"] == "union" else "endless or has no images"
        raise DataError(f"part '{name}': source '{options['name']}' is {reason}; it is no part of a union")
    return part


def _by_turns(texts: Sequence[Iterator[str]], limit: int | None) -> Iterator[str]:
    given = 0
    for row in zip_longest(*texts):
        for text in row:
            if text is not None:
                if given == limit:
                    return
                given += 1
                yield text
