"""Questions and answers: VQAv2, OKVQA, A-OKVQA, TextVQA, DocVQA, VizWiz-VQA, and VQ2A (MAVERICS) in their own files."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, read_json, typed
from pali3kit.data.folder import PICTURES
from pali3kit.data.reader import existing, picture_in
from pali3kit.data.readers.coco import TYPES, by_id, coco_files, identity
from pali3kit.data.readers.left_out import LeavingOut, good, usable
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

Names = tuple[str, ...]  # that a picture's file may have, with its ending or without
Known = tuple[Names, tuple[Asked, ...]]
ANSWERS = ("answers", "direct_answers")  # the second are A-OKVQA's


class _Entry(NamedTuple):
    """A question's place and fields, the names of its picture, the place and fields of its answers, and what is wrong
    with these.
    """

    where: str
    question: Mapping[str, object]
    names: Names
    at: str
    answers: Mapping[str, object]
    wrong: str = ""


class VqaReader(LeavingOut):
    """Pictures with their questions, in one of three layouts, told apart by their fields:

    - VQAv2, OKVQA: `questions[]: question_id, image_id, question` and, in the file `annotations`, `annotations[]:
      question_id, answers[]: answer`. Pictures are `COCO_<data_subtype>_<12 digits>.jpg` or `<12 digits>.jpg`.
    - TextVQA, DocVQA: `data[]: image_id or image, question, answers[]`; the same as a list alone: VizWiz-VQA, A-OKVQA
      (`direct_answers`). Pictures are `<image_id>.jpg`, the file `image`, or as COCO's.
    - VQ2A: `annotations[]: image_id, qa_pairs[]: question, answers[]`; pictures are `<image_id>.jpg`, or as COCO's.

    Pictures are in `images`, or in its folder `data_subtype`, and may have any ending that pictures have. Questions are
    in `language`. A record is a picture with all its questions or, `single`, with one: accuracy is their mean.

    An answer may be empty: it is one annotator's. A question that has no other, or is blank, is left out.
    """

    version = 2
    languages = ()

    def __init__(
        self, path: str, images: str, annotations: str | None = None, language: str = "en", single: bool = False
    ) -> None:
        super().__init__(existing(path), *([existing(annotations)] if annotations else []))
        self.path, self.images, self.language = self.files[0], existing(images, "folder"), language
        self.single = single

    @cached_property
    def pictures(self) -> list[Known | DataError]:
        """Pictures with their questions, or what is wrong with one of them."""
        asked: dict[tuple[Names, int], list[Asked | DataError]] = defaultdict(list)
        for number, entry in enumerate(self._entries(read_json(self.path))):
            if (question := self._asked(entry)) is not None:
                asked[entry.names, number if self.single else 0].append(question)
        found = [_known(names, questions) for (names, _), questions in asked.items()]
        return usable(found, f"{self.path}: no question with an answer")

    def _entries(self, content: object) -> Iterator[_Entry]:
        if isinstance(content, list):  # VizWiz-VQA, A-OKVQA
            return self._listed({"": content}, "")
        layout = mapping(content, str(self.path))
        if "data" in layout:
            return self._listed(layout, "data")
        return self._vqa(layout) if "questions" in layout else self._vq2a(layout)

    def _vqa(self, content: Mapping[str, object]) -> Iterator[_Entry]:
        if len(self.files) < 2:
            raise DataError(f"{self.path} has questions alone: `annotations` should name the file with their answers")
        file, folder = str(self.files[1]), content.get("data_subtype")
        answers = by_id(self.left, mapping(read_json(self.files[1]), file), "annotations", file, "question_id")
        questions = by_id(self.left, content, "questions", str(self.path), "question_id")
        before = self.left.faults
        for number, (where, question) in questions.items():
            names = self._names(question, where, folder if isinstance(folder, str) else "")
            if names is None:
                continue
            if number not in answers:
                yield _Entry(where, question, names, file, {}, f"{where}: question_id {number} is not in {file}")
                continue
            at, said = answers[number]
            yield _Entry(where, question, names, at, said, _elsewhere(question, where, said, at))
        self.left.judge(before, len(questions))
        for number, (where, _) in answers.items():
            if number not in questions:
                self.left.note(f"an answer to a question that {self.path} does not have", where)

    def _listed(self, content: Mapping[str, object], name: str) -> Iterator[_Entry]:
        for where, entry in self.left.sound(content, name, str(self.path)):
            if not any(field in entry for field in (*ANSWERS, "answer")):
                self.left.note("a question without answers", where)  # as those of a test file
            elif (names := self._names(entry, where)) is not None:
                yield _Entry(where, entry, names, where, entry)

    def _vq2a(self, content: Mapping[str, object]) -> Iterator[_Entry]:
        for where, entry in self.left.sound(content, "annotations", str(self.path)):
            if (names := self._names(entry, where, "val2014")) is None:
                continue
            try:
                for at, pair in each(entry, "qa_pairs", where):
                    yield _Entry(at, pair, names, at, pair)
            except DataError as error:
                self.left.fault(error)

    def _names(self, entry: Mapping[str, object], where: str, folder: str = "") -> Names | None:
        """The names of a picture; None where the entry has none, which is left out."""
        try:
            if "image" in entry and "image_id" not in entry:
                return (field(entry, "image", str, where),)
            told, number = field(entry, "image_id", object, where), identity(entry, "image_id", where)
        except DataError as error:
            self.left.fault(error)
            return None
        own = [told] if isinstance(told, str) else []
        if isinstance(number, int):
            own += [f"{folder}/COCO_{folder}_{number:012}" if folder else f"{number:012}", str(number)]
        return tuple(dict.fromkeys(own))

    def _asked(self, entry: _Entry) -> Asked | DataError | None:
        """A question, what is wrong with it, or None for one that cannot be asked, which is noted."""
        try:
            text, answers = field(entry.question, "question", str, entry.where).strip(), _answers(entry)
        except DataError as error:
            return error
        if text and answers and answers[0]:
            return Asked(text, answers, self.language)
        self.left.note("a question that nobody answered" if text else "a blank question", entry.where)
        return None

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        names, questions = good(self.pictures[number])
        files = dict.fromkeys(file for name in names for file in _files(name))
        return Record(f"{self.path}: picture {names[0]}", picture_in(self.images, *files), questions=questions)


def _known(names: Names, questions: Sequence[Asked | DataError]) -> Known | DataError:
    wrong = next((question for question in questions if isinstance(question, DataError)), None)
    return wrong or (names, tuple(question for question in questions if isinstance(question, Asked)))


def _elsewhere(question: Mapping[str, object], where: str, said: Mapping[str, object], at: str) -> str:
    """What is wrong with answers that name another picture than their question, or none; else an empty text."""
    if "image_id" not in question or "image_id" not in said:
        return ""
    try:
        asked, answered = identity(question, "image_id", where), identity(said, "image_id", at)
    except DataError as error:
        return str(error)
    return "" if asked == answered else f"{where}: 'image_id' is {asked} here, and {answered} in {at}"


def _files(name: str) -> Iterator[str]:
    """The files that may be a picture's: as it is called, with its ending or any other."""
    endings = ("",) if os.path.splitext(name)[1].lower() in PICTURES else TYPES
    for ending in endings:
        yield from coco_files(f"{name}{ending}")


def _answers(entry: _Entry) -> tuple[str, ...]:
    """All answers, the most usual first and empty ones last; each is a text, or a mapping with an `answer`."""
    if entry.wrong:
        raise DataError(entry.wrong)
    given = next((name for name in ANSWERS if name in entry.answers), ANSWERS[0])
    said = []
    for number, answer in enumerate(field(entry.answers, given, list, entry.at)):
        at = f"{entry.at}: {given}[{number}]"
        said.append((field(answer, "answer", str, at) if isinstance(answer, dict) else typed(answer, str, at)).strip())
    counts = Counter(filter(None, said))
    return (*(answer for answer, count in counts.most_common() for _ in range(count)), *(a for a in said if not a))


@SOURCE.register(
    "vqa",
    "questions and answers: VQAv2, OKVQA, TextVQA, VQ2A",
    tells=("questions",),
    files=("path", "annotations", "test", "test_annotations"),
    folders=("images", "test_images"),
)
def create(
    path: str,
    images: str,
    annotations: str | None = None,
    language: str = "en",
    test: str | None = None,
    test_images: str | None = None,
    test_annotations: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `vqa`, in `language`: VQAv2 or OKVQA (`annotations` has the answers), or one file of A-OKVQA,
    TextVQA, DocVQA, VizWiz-VQA or VQ2A.
    """
    held = VqaReader(test, test_images or images, test_annotations, language, single=True) if test else None
    return AnnotatedSource(VqaReader(path, images, annotations, language), held)
