"""Referring expressions: RefCOCO, RefCOCO+ and RefCOCOg in the files of the REFER package, with COCO instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.coco import Id, coco_files, read_id
from pali3kit.data.readers.coco_instances import Instances
from pali3kit.data.readers.refs import SETS, find_sets, held_out_images, read_refs
from pali3kit.data.readers.skipped import SkippingFiles
from pali3kit.data.record import Record
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE
from pali3kit.storage.paths import file_here
from pali3kit.storage.remote import AnyPath, RemotePath

SPLITS = ("train", "val", "test", "testA", "testB")


class _Ref(NamedTuple):
    """The referring expressions for one annotated object; `set_name` is the set's key in `SETS`."""

    set_name: str
    split: str
    image: Id
    annotation: Id
    number: int  # position of the annotation in its file
    expressions: tuple[str, ...]


class _RefCocoReader(SkippingFiles):
    """Images with referring expressions for their objects. `path` is a folder with at least one of the `SETS`.

    Each set is a pickled list of `ref_id, ann_id, image_id, split, sentences[]: sent`, read by an unpickler that
    accepts plain containers only; `refs(google).p` stands in for a missing file. Objects and images come from the
    file `instances`, or from the `instances.json` beside each set.

    The split "train" is the combined training set: a record for each image, with the expressions of all sets, without
    images of any set's validation or test splits (paper.md §4.1). The other splits (val, testA, testB, test) have a
    record for each expression, one set after the other: mIoU is a mean over expressions (paper.md §4.4).
    """

    version = 2
    languages = ()

    def __init__(self, path: str, images: str, split: str, instances: str | None = None) -> None:
        self.folder, self.image_folder, self.split = image_folder(path), image_folder(images), split
        found = find_sets(path)
        self.sets = {set_name: file_here(file) for set_name, file in found.items()}
        given = require_path(instances) if instances else None
        self.instances = {set_name: given or _beside(file) for set_name, file in found.items()}
        super().__init__(*self.sets.values(), *dict.fromkeys(self.instances.values()))

    @property
    def damages(self) -> Sequence[str]:
        known = self._known.values() if "_known" in self.__dict__ else ()
        return [*super().damages, *(damage for instances in known for damage in instances.skipped.messages())]

    @cached_property
    def _known(self) -> dict[Path, Instances]:
        return {path: Instances(require_path(str(path))) for path in dict.fromkeys(self.instances.values())}

    @cached_property
    def _read(self) -> dict[str, list[object]]:
        return {set_name: read_refs(path) for set_name, path in self.sets.items()}

    @cached_property
    def refs(self) -> list[_Ref]:
        """All valid references, one set after the other."""
        return [ref for set_name in self.sets for ref in self._refs(set_name)]

    def _refs(self, set_name: str) -> Iterator[_Ref]:
        path, known = self.sets[set_name], self._known[self.instances[set_name]]
        for where, ref in self.skipped.mappings({"refs": self._read[set_name]}, "refs", str(path)):
            try:
                yield self._ref(set_name, known, ref, where)
            except DataError as error:
                self.skipped.add_error(error)

    def _ref(self, set_name: str, known: Instances, ref: Mapping[str, object], where: str) -> _Ref:
        annotation = read_id(ref, "ann_id", where)
        number = known.find(annotation, f"{where}: 'ann_id'")
        split, image = field(ref, "split", str, where), known.image_of(number)
        if split not in SPLITS:
            raise DataError(f"{where}: there is no split '{split[:40]}'.{choose(split, SPLITS)}")
        if read_id(ref, "image_id", where) != image:
            raise DataError(f"{where}: 'image_id' {ref['image_id']} is {image} in {known.path}.")
        expressions = [(at, field(sentence, "sent", str, at).strip()) for at, sentence in each(ref, "sentences", where)]
        for at, text in expressions:
            if not text:
                self.skipped.note("a blank expression", at)
        return _Ref(set_name, split, image, annotation, number, tuple(text for _, text in expressions if text))

    @cached_property
    def records(self) -> list[list[_Ref]]:
        """The objects of each record, with their expressions."""
        found = [*(self._combined() if self.split == "train" else self._flat())]
        if not found:
            hint = choose(self.split, {ref.split for ref in self.refs})
            raise DataError(f"{self.folder}: no expression in the split '{self.split}'.{hint}")
        return found

    def _combined(self) -> Iterator[list[_Ref]]:
        held_out = held_out_images({self.sets[set_name]: refs for set_name, refs in self._read.items()})
        found: dict[Id, dict[Id, _Ref]] = defaultdict(dict)
        for ref in self.refs:
            if ref.image not in held_out and ref.expressions:
                first = found[ref.image].get(ref.annotation, ref._replace(expressions=()))
                together = (*first.expressions, *ref.expressions)
                found[ref.image][ref.annotation] = first._replace(expressions=together)
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
        file, size = self._instances(refs[0]).file(refs[0].image)
        name = f"{self.sets[refs[0].set_name]}: image {refs[0].image}"
        return Record(name, image_in(self.image_folder, *coco_files(file)), size, things=things)

    def _instances(self, ref: _Ref) -> Instances:
        return self._known[self.instances[ref.set_name]]

    def places(self, set_name: str) -> range:
        """The range of records of one set; records of a set are contiguous in every split but "train"."""
        numbers = [number for number, refs in enumerate(self.records) if refs[0].set_name == set_name]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)


class _RefCocoSource(AnnotatedSource):
    """An `AnnotatedSource` whose test split has up to three sets, each with a task of its own: `refer_only`, ..."""

    def task(self, name: str, bins: int) -> Task:
        set_name, test = name.removesuffix("_only"), self.readers.get("test")
        if set_name == name or set_name not in SETS or not isinstance(test, _RefCocoReader):
            return super().task(name, bins)
        return _SetTask(super().task("refer", bins), test, set_name)


def _beside(refs: AnyPath) -> Path:
    """The instances beside a set; a copy of those behind a URL."""
    file = refs.parent / "instances.json"
    return require_path(file.url) if isinstance(file, RemotePath) else file


class _SetTask:
    """The task refer, restricted to the test records of one set."""

    def __init__(self, task: Task, test: _RefCocoReader, set_name: str) -> None:
        self.name, self.task, self.test, self.places = task.name, task, test, test.places(set_name)
        if not self.places:
            raise DataError(f"{test.folder}: {SETS[set_name]} has no expression in the split '{test.split}'")

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        return self.task.draw(split, index, rng) if index in self.places else None

    def where(self, split: str, count: int) -> Sequence[range]:
        """Raises DataError if none of the first `count` records is of the set."""
        start, stop = self.places.start, self.places.stop
        if count <= start:
            raise DataError(
                f"the expressions of this set are test examples {start} to {stop - 1} (each expression is one), but"
                f" data.test is {count}: raise it"
            )
        return (range(start, min(count, stop)),)


@SOURCE.register(
    "refcoco",
    "referring expressions: RefCOCO, RefCOCO+, RefCOCOg",
    annotations=("masks", "expressions"),
    files=("path", "instances", "test"),
    folders=("images",),
)
def _create(
    path: str,
    images: str,
    instances: str | None = None,
    test: str | None = None,
    test_split: str = "val",
    image_size: int = 0,
) -> _RefCocoSource:
    """The registry's `refcoco`: a folder with `refcoco/refs(unc).p`, `refcoco+/refs(unc).p`, `refcocog/refs(umd).p`, or
    some of them, or `refs(google).p` in their place. Objects come from `instances`, or from the `instances.json` beside
    each.

    `test` is the same folder; `test_split` is val, testA, testB or test.
    """
    held = _RefCocoReader(test, images, test_split, instances) if test else None
    return _RefCocoSource(_RefCocoReader(path, images, "train", instances), held)
