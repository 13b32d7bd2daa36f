"""Questions and answers: VQAv2, OKVQA, A-OKVQA, TextVQA, DocVQA, VizWiz-VQA, and VQ2A (MAVERICS) in their own files."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, read_json, typed
from pali3kit.data.folder import IMAGES
from pali3kit.data.reader import image_in, require_path
from pali3kit.data.readers.coco import TYPES, by_id, coco_files, read_id
from pali3kit.data.readers.skipped import SkippingFiles, require_any_valid, valid_or_raise
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

Names = tuple[str, ...]  # possible file names of an image, with or without extension
Entry = tuple[Names, tuple[Asked, ...]]  # the names of an image and its questions
ANSWERS = ("answers", "direct_answers")  # field names; the second is A-OKVQA's


class _Question(NamedTuple):
    """A question's place and fields, the names of its image, and the place and fields of its answers.

    `wrong` says why the answers cannot be used.
    """

    where: str
    question: Mapping[str, object]
    names: Names
    at: str
    answers: Mapping[str, object]
    wrong: str = ""


class _VqaReader(SkippingFiles):
    """Images with their questions, in one of three layouts, recognized by their fields:

    - VQAv2, OKVQA: `questions[]: question_id, image_id, question` and, in the file `annotations`, `annotations[]:
      question_id, answers[]: answer`. Images are `COCO_<data_subtype>_<12 digits>.jpg` or `<12 digits>.jpg`.
    - TextVQA, DocVQA: `data[]: image_id or image, question, answers[]`; VizWiz-VQA and A-OKVQA
      (`direct_answers`) are such a list at the top level. Images are `<image_id>.jpg`, the file `image`, or as COCO's.
    - VQ2A: `annotations[]: image_id, qa_pairs[]: question, answers[]`; images are `<image_id>.jpg`, or as COCO's.

    Images are in `images`, or in its subfolder `data_subtype`, with any extension of an image format. Questions are in
    `language`. A record is an image with all its questions or, if `single`, with one: accuracy averages over questions.

    An answer may be empty and still counts as an annotator's. Questions that are blank or have only empty answers are
    skipped.
    """

    version = 2
    languages = ()

    def __init__(
        self, path: str, images: str, annotations: str | None = None, language: str = "en", single: bool = False
    ) -> None:
        super().__init__(require_path(path), *([require_path(annotations)] if annotations else []))
        self.path, self.image_folder, self.language = self.files[0], require_path(images, "folder"), language
        self.single = single

    @cached_property
    def entries(self) -> list[Entry | DataError]:
        """Images with their questions; a DataError in place of one with a malformed question."""
        asked: dict[tuple[Names, int], list[Asked | DataError]] = defaultdict(list)
        for number, entry in enumerate(self._entries(read_json(self.path))):
            if (question := self._asked(entry)) is not None:
                asked[entry.names, number if self.single else 0].append(question)
        found = [_entry(names, questions) for (names, _), questions in asked.items()]
        return require_any_valid(found, f"{self.path}: no question with an answer")

    def _entries(self, content: object) -> Iterator[_Question]:
        if isinstance(content, list):  # VizWiz-VQA, A-OKVQA
            return self._listed({"": content}, "")
        layout = mapping(content, str(self.path))
        if "data" in layout:
            return self._listed(layout, "data")
        return self._vqa(layout) if "questions" in layout else self._vq2a(layout)

    def _vqa(self, content: Mapping[str, object]) -> Iterator[_Question]:
        if len(self.files) < 2:
            raise DataError(f"{self.path} has questions only: `annotations` should name the file with their answers")
        file, folder = str(self.files[1]), content.get("data_subtype")
        answers = by_id(self.skipped, mapping(read_json(self.files[1]), file), "annotations", file, "question_id")
        questions = by_id(self.skipped, content, "questions", str(self.path), "question_id")
        before = self.skipped.num_errors
        for number, (where, question) in questions.items():
            names = self._names(question, where, folder if isinstance(folder, str) else "")
            if names is None:
                continue
            if number not in answers:
                yield _Question(where, question, names, file, {}, f"{where}: question_id {number} is not in {file}")
                continue
            at, answer = answers[number]
            yield _Question(where, question, names, at, answer, _image_mismatch(question, where, answer, at))
        self.skipped.check_share(before, len(questions))
        for number, (where, _) in answers.items():
            if number not in questions:
                self.skipped.note(f"an answer to a question that {self.path} does not have", where)

    def _listed(self, content: Mapping[str, object], name: str) -> Iterator[_Question]:
        for where, entry in self.skipped.mappings(content, name, str(self.path)):
            if not any(field in entry for field in (*ANSWERS, "answer")):
                self.skipped.note("a question without answers", where)  # a test file
            elif (names := self._names(entry, where)) is not None:
                yield _Question(where, entry, names, where, entry)

    def _vq2a(self, content: Mapping[str, object]) -> Iterator[_Question]:
        for where, entry in self.skipped.mappings(content, "annotations", str(self.path)):
            if (names := self._names(entry, where, "val2014")) is None:
                continue
            try:
                for at, pair in each(entry, "qa_pairs", where):
                    yield _Question(at, pair, names, at, pair)
            except DataError as error:
                self.skipped.add_error(error)

    def _names(self, entry: Mapping[str, object], where: str, folder: str = "") -> Names | None:
        """Possible file names of an entry's image; None if it names no image, which is recorded as malformed."""
        try:
            if "image" in entry and "image_id" not in entry:
                return (field(entry, "image", str, where),)
            value, number = field(entry, "image_id", object, where), read_id(entry, "image_id", where)
        except DataError as error:
            self.skipped.add_error(error)
            return None
        names = [value] if isinstance(value, str) else []
        if isinstance(number, int):
            names += [f"{folder}/COCO_{folder}_{number:012}" if folder else f"{number:012}", str(number)]
        return tuple(dict.fromkeys(names))

    def _asked(self, entry: _Question) -> Asked | DataError | None:
        """The question, the error of a malformed one, or None for an unusable one, which is recorded as skipped."""
        try:
            text, answers = field(entry.question, "question", str, entry.where).strip(), _answers(entry)
        except DataError as error:
            return error
        if text and answers and answers[0]:
            return Asked(text, answers, self.language)
        self.skipped.note("a question that nobody answered" if text else "a blank question", entry.where)
        return None

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        names, questions = valid_or_raise(self.entries[number])
        files = dict.fromkeys(file for name in names for file in _files(name))
        return Record(f"{self.path}: image {names[0]}", image_in(self.image_folder, *files), questions=questions)


def _entry(names: Names, questions: Sequence[Asked | DataError]) -> Entry | DataError:
    wrong = next((question for question in questions if isinstance(question, DataError)), None)
    return wrong or (names, tuple(question for question in questions if isinstance(question, Asked)))


def _image_mismatch(question: Mapping[str, object], where: str, answer: Mapping[str, object], at: str) -> str:
    """An error message if the answers name another image than their question, else ""."""
    if "image_id" not in question or "image_id" not in answer:
        return ""
    try:
        asked, answered = read_id(question, "image_id", where), read_id(answer, "image_id", at)
    except DataError as error:
        return str(error)
    return "" if asked == answered else f"{where}: 'image_id' is {asked} here, but {answered} in {at}"


def _files(name: str) -> Iterator[str]:
    """Possible file names of an image: as named or, without an extension, with each one."""
    endings = ("",) if os.path.splitext(name)[1].lower() in IMAGES else TYPES
    for ending in endings:
        yield from coco_files(f"{name}{ending}")


def _answers(entry: _Question) -> tuple[str, ...]:
    """All answers, the most frequent first and empty ones last; each is a string, or a mapping with an `answer`."""
    if entry.wrong:
        raise DataError(entry.wrong)
    name = next((name for name in ANSWERS if name in entry.answers), ANSWERS[0])
    texts = []
    for number, answer in enumerate(field(entry.answers, name, list, entry.at)):
        at = f"{entry.at}: {name}[{number}]"
        texts.append((field(answer, "answer", str, at) if isinstance(answer, dict) else typed(answer, str, at)).strip())
    counts = Counter(filter(None, texts))
    return (
        *(answer for answer, count in counts.most_common() for _ in range(count)),
        *(text for text in texts if not text),
    )


@SOURCE.register(
    "vqa",
    "questions and answers: VQAv2, OKVQA, TextVQA, VQ2A",
    annotations=("questions",),
    files=("path", "annotations", "test", "test_annotations"),
    folders=("images", "test_images"),
)
def _create(
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
    held = _VqaReader(test, test_images or images, test_annotations, language, single=True) if test else None
    return AnnotatedSource(_VqaReader(path, images, annotations, language), held)
