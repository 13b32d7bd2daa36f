"""Referring expressions: RefCOCO, RefCOCO+ and RefCOCOg in the files of the REFER package, with COCO's instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field
from pali3kit.data.reader import existing, picture_in
from pali3kit.data.readers.coco import Id, coco_files, identity
from pali3kit.data.readers.coco_instances import Instances
from pali3kit.data.readers.left_out import LeavingOut
from pali3kit.data.readers.refs import SETS, read_refs, sets_in, tested
from pali3kit.data.record import Record
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

SPLITS = ("train", "val", "test", "testA", "testB")


class _Ref(NamedTuple):
    """What people called one annotated thing, in the set of a column."""

    column: str
    split: str
    picture: Id
    annotation: Id
    number: int  # the annotation's, in its file
    expressions: tuple[str, ...]


class RefCocoReader(LeavingOut):
    """Pictures of which people said which thing they mean. `path` is a folder with those of `SETS` that there are.

    Each set is a pickled list of `ref_id, ann_id, image_id, split, sentences[]: sent`, read by an unpickler that knows
    nothing but plain containers; `refs(google).p` takes the place of one that is not there. Things and pictures are
    those of `instances`, or of `instances.json` beside each set.

    The split "train" is the combined training set: a record for each picture, with the expressions of all sets, without
    the pictures that any of the sets tests on (paper.md §4.1). Another split (val, testA, testB, test) has a record for
    each expression, set after set: mIoU is a mean over expressions (paper.md §4.4).
    """

    version = 2
    languages = ()

    def __init__(self, path: str, images: str, split: str, instances: str | None = None) -> None:
        self.folder, self.images, self.split = existing(path, "folder"), existing(images, "folder"), split
        self.sets = sets_in(path)
        own = {column: file.parent / "instances.json" for column, file in self.sets.items()}
        self.instances = dict.fromkeys(self.sets, existing(instances)) if instances else own
        super().__init__(*self.sets.values(), *dict.fromkeys(self.instances.values()))

    @property
    def damages(self) -> Sequence[str]:
        known = self._known.values() if "_known" in self.__dict__ else ()
        return [*super().damages, *(damage for instances in known for damage in instances.left.told())]

    @cached_property
    def _known(self) -> dict[Path, Instances]:
        return {path: Instances(existing(str(path))) for path in dict.fromkeys(self.instances.values())}

    @cached_property
    def _read(self) -> dict[str, list[object]]:
        return {column: read_refs(path) for column, path in self.sets.items()}

    @cached_property
    def refs(self) -> list[_Ref]:
        """All that the files hold, set after set."""
        return [ref for column in self.sets for ref in self._refs(column)]

    def _refs(self, column: str) -> Iterator[_Ref]:
        path, known = self.sets[column], self._known[self.instances[column]]
        for where, ref in self.left.sound({"refs": self._read[column]}, "refs", str(path)):
            try:
                yield self._ref(column, known, ref, where)
            except DataError as error:
                self.left.fault(error)

    def _ref(self, column: str, known: Instances, ref: Mapping[str, object], where: str) -> _Ref:
        annotation = identity(ref, "ann_id", where)
        number = known.find(annotation, f"{where}: 'ann_id'")
        split, picture = field(ref, "split", str, where), known.picture(number)
        if split not in SPLITS:
            raise DataError(f"{where}: there is no split '{split[:40]}'.{choose(split, SPLITS)}")
        if identity(ref, "image_id", where) != picture:
            raise DataError(f"{where}: 'image_id' {ref['image_id']} is {picture} in {known.path}.")
        said = [(at, field(sentence, "sent", str, at).strip()) for at, sentence in each(ref, "sentences", where)]
        for at, text in said:
            if not text:
                self.left.note("a blank expression", at)
        return _Ref(column, split, picture, annotation, number, tuple(text for _, text in said if text))

    @cached_property
    def records(self) -> list[list[_Ref]]:
        """The things of each record, with their expressions."""
        found = [*(self._combined() if self.split == "train" else self._flat())]
        if not found:
            nearest = choose(self.split, {ref.split for ref in self.refs})
            raise DataError(f"{self.folder}: no expression in the split '{self.split}'.{nearest}")
        return found

    def _combined(self) -> Iterator[list[_Ref]]:
        held_out = {picture for column, refs in self._read.items() for picture in tested(refs, self.sets[column])}
        found: dict[Id, dict[Id, _Ref]] = defaultdict(dict)
        for ref in self.refs:
            if ref.picture not in held_out and ref.expressions:
                first = found[ref.picture].get(ref.annotation, ref._replace(expressions=()))
                said = (*first.expressions, *ref.expressions)
                found[ref.picture][ref.annotation] = first._replace(expressions=said)
        yield from (list(things.values()) for things in found.values())

    def _flat(self) -> Iterator[list[_Ref]]:
        for ref in self.refs:
            for expression in ref.expressions if ref.split == self.split else ():
                yield [ref._replace(expressions=(expression,))]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for known in self._known.values() for name in known.classes.values()))

    def __len__(self) -> int:
        return len(self.records)

    def record(self, number: int) -> Record:
        refs = self.records[number]
        things = tuple(self._instances(ref).thing(ref.number, ref.expressions) for ref in refs)
        file, size = self._instances(refs[0]).file(refs[0].picture)
        name = f"{self.sets[refs[0].column]}: picture {refs[0].picture}"
        return Record(name, picture_in(self.images, *coco_files(file)), size, things=things)

    def _instances(self, ref: _Ref) -> Instances:
        return self._known[self.instances[ref.column]]

    def places(self, column: str) -> range:
        """The records of one set, which lie one behind the other where the split is not "train"."""
        numbers = [number for number, refs in enumerate(self.records) if refs[0].column == column]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)


class RefCocoSource(AnnotatedSource):
    """An `AnnotatedSource` whose test pictures are of three sets, each with a task of its own: `refer_only`, ..."""

    def task(self, name: str, bins: int) -> Task:
        column, test = name.removesuffix("_only"), self.readers.get("test")
        if column == name or column not in SETS or not isinstance(test, RefCocoReader):
            return super().task(name, bins)
        return _SetTask(super().task("refer", bins), test, column)


class _SetTask:
    """The expressions of one set among the test pictures."""

    def __init__(self, task: Task, test: RefCocoReader, column: str) -> None:
        self.name, self.task, self.test, self.places = task.name, task, test, test.places(column)
        if not self.places:
            raise DataError(f"{test.folder}: {SETS[column]} has no expression in the split '{test.split}'")

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        return self.task.draw(split, index, rng) if index in self.places else None

    def where(self, split: str, count: int) -> Sequence[range]:
        """Raises DataError where none of the first `count` pictures is of the set."""
        start, stop = self.places.start, self.places.stop
        if count <= start:
            raise DataError(
                f"the expressions that are wanted are test pictures {start} to {stop - 1}, each expression being a"
                f" picture here, and there are {count}: raise data.test"
            )
        return (range(start, min(count, stop)),)


@SOURCE.register(
    "refcoco",
    "referring expressions: RefCOCO, RefCOCO+, RefCOCOg",
    tells=("masks", "expressions"),
    files=("path", "instances", "test"),
    folders=("images",),
)
def create(
    path: str,
    images: str,
    instances: str | None = None,
    test: str | None = None,
    test_split: str = "val",
    image_size: int = 0,
) -> RefCocoSource:
    """The registry's `refcoco`: a folder with `refcoco/refs(unc).p`, `refcoco+/refs(unc).p`, `refcocog/refs(umd).p`, or
    some of them, or `refs(google).p` in their place. Things are those of `instances`, or of the `instances.json` beside
    each.

    `test` is the same folder again, its pictures those of `test_split`: val, testA, testB or test.
    """
    held = RefCocoReader(test, images, test_split, instances) if test else None
    return RefCocoSource(RefCocoReader(path, images, "train", instances), held)
