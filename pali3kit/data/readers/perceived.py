"""Images of people with attributes as annotators perceived them: FairFace, CelebA and MIAP. There are no captions; a
question is asked of MIAP alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.lines import Lines
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.skipped import SkippingFiles, require_any_valid
from pali3kit.data.record import Asked, Record
from pali3kit.data.table import DelimitedTable
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE

QUESTION = "Is there a person in this image?"  # as recalled of PaLI-X (benchmarks.md §7.3)
UNKNOWN = "Unknown"
_SPLITS = ("train", "valid", "test")  # of CelebA, in the order of their numbers


class _Person(NamedTuple):
    """An image, the file of which is `name` with any of the endings, and what is known of its person."""

    name: str
    attributes: Mapping[str, str]


class _PeopleReader(SkippingFiles):
    """Base class: `entries` are read at once, as an image may have several rows. `question` is asked of each."""

    question = ""

    def __init__(self, path: str, images: str, *others: str) -> None:
        super().__init__(require_path(path), *map(require_path, others))
        self.path, self.folder = self.files[0], image_folder(images)

    @cached_property
    def entries(self) -> list[_Person]:
        before = self.skipped.num_errors
        found = list(self._people())
        self.skipped.check_share(before, len(found) + self.skipped.num_errors - before)
        return list(filter(None, require_any_valid([*found], f"{self.path}: it has no image")))  # type: ignore[arg-type]

    def _people(self) -> Iterator[_Person]:
        raise NotImplementedError

    def _rows(self, *needed: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The rows of the CSV with their places; malformed ones are skipped. Raises DataError for a missing column."""
        table = DelimitedTable(Lines([self.path]), ",")
        for name in needed:
            if name not in table.names:
                raise DataError(f"{self.path}:1: no column '{name}'.{choose(name, table.names)}")
        for number in range(len(table)):
            try:
                yield table.where(number), table[number]
            except DataError as error:
                self.skipped.add_error(error)

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        name, attributes = self.entries[number]
        asked = (Asked(self.question, ("yes",), id=name),) if self.question else ()
        names = [name] if "." in name else [f"{name}.jpg", f"{name}.png"]
        read = image_in(self.folder, *names)
        return Record(f"{self.path}: {name}", read, id=name, questions=asked, attributes=attributes)


class _FairFaceReader(_PeopleReader):
    """`fairface_label_{train,val}.csv`: `file, age, gender, race, service_test`; files are paths below `images`."""

    def _people(self) -> Iterator[_Person]:
        for _, row in self._rows("file", "age", "gender", "race"):
            yield _Person(row["file"], {"gender": row["gender"], "ethnicity": row["race"], "age": row["age"]})


class _CelebAReader(_PeopleReader):
    """`list_attr_celeba.txt`: the count, 40 names, and lines of an image's name and 40 values -1 or 1.

    `list_eval_partition.txt` has 0, 1 or 2 after each name, for train, valid and test.
    """

    def __init__(self, path: str, images: str, partition: str, split: str) -> None:
        super().__init__(path, images, partition)
        self.split = str(_SPLITS.index(split))

    def _people(self) -> Iterator[_Person]:
        text = self.path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        names = text[1].split() if len(text) > 1 else []
        if "Male" not in names:
            raise DataError(f"{self.path}:2: there is no attribute 'Male' among: {' '.join(names)[:80]}")
        chosen = self._chosen()
        for number, cells in enumerate(map(str.split, text[2:]), start=3):
            if not cells or cells[0] not in chosen:
                continue
            value = cells[1 + names.index("Male")] if len(cells) == 1 + len(names) else ""
            if value not in ("-1", "1"):
                wrong = f"{len(cells) - 1} values, not {len(names)}" if not value else f"'Male' is '{value[:20]}'"
                self.skipped.add_error(DataError(f"{self.path}:{number}: {wrong}."))
                continue
            yield _Person(cells[0], {"gender": "Male" if value == "1" else "Female"})

    def _chosen(self) -> set[str]:
        """The names of the images of the split."""
        lines = self.files[1].read_text(encoding="utf-8-sig", errors="replace").splitlines()
        return {cells[0] for cells in map(str.split, lines) if len(cells) == 2 and cells[1] == self.split}


class _MiapReader(_PeopleReader):
    """`open_images_extended_miap_boxes_{train,val,test}.csv`: a row for each box of a person. Images with exactly one
    row are read, without groups and depictions, as the paper is recalled to do; the others are counted.
    """

    question = QUESTION

    def _people(self) -> Iterator[_Person]:
        rows: dict[str, list[Mapping[str, str]]] = {}
        needed = ("ImageID", "IsGroupOf", "IsDepictionOf", "GenderPresentation", "AgePresentation")
        for _, row in self._rows(*needed):
            rows.setdefault(row["ImageID"], []).append(row)
        for name, people in rows.items():
            [first, *others] = people
            if others:
                self.skipped.note("an image of several people", f"{self.path}: {name}")
            elif first["IsGroupOf"] == "1" or first["IsDepictionOf"] == "1":
                self.skipped.note("an image of a group, or of a depiction", f"{self.path}: {name}")
            else:
                told = {"gender": first["GenderPresentation"], "age": first["AgePresentation"]}
                yield _Person(name, {key: value for key, value in told.items() if value != UNKNOWN})


@SOURCE.register(
    "fairface",
    "FairFace: faces with gender, ethnicity and age as perceived, for captions",
    annotations=("attributes",),
    attributes={
        "gender": ("Female", "Male"),
        "ethnicity": (
            "White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern",
        ),
        "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"),
    },
    files=("path", "test"),
    folders=("images",),
)  # fmt: skip
def _create_fairface(path: str, images: str, test: str | None = None, image_size: int = 0) -> AnnotatedSource:
    """The registry's `fairface`: `path` and `test` are files of labels; `file` in them is a path below `images`."""
    return AnnotatedSource(_FairFaceReader(path, images), _FairFaceReader(test, images) if test else None)


@SOURCE.register(
    "celeba",
    "CelebA: faces with gender as perceived, for the probability of occupations",
    annotations=("attributes",),
    attributes={"gender": ("Female", "Male")},
    files=("path", "partition"),
    folders=("images",),
    test_options=("partition",),
)
def _create_celeba(path: str, images: str, partition: str, image_size: int = 0) -> AnnotatedSource:
    """The registry's `celeba`: the lists of attributes and of splits, and the folder of aligned images."""
    return AnnotatedSource(
        _CelebAReader(path, images, partition, "train"), _CelebAReader(path, images, partition, "test")
    )


@SOURCE.register(
    "miap",
    "MIAP: Open Images of one person, with gender and age presentation as perceived",
    annotations=("questions", "attributes"),
    attributes={
        "gender": ("Predominantly Feminine", "Predominantly Masculine"),
        "age": ("Young", "Middle", "Older"),
    },
    files=("path", "test"),
    folders=("images",),
)
def _create_miap(path: str, images: str, test: str | None = None, image_size: int = 0) -> AnnotatedSource:
    """The registry's `miap`: `path` and `test` are files of boxes; images are `<ImageID>.jpg` in `images`."""
    return AnnotatedSource(_MiapReader(path, images), _MiapReader(test, images) if test else None)
