"""Questions and answers in the files of VQAv2, OKVQA, A-OKVQA, VizWiz-VQA, VQ2A (MAVERICS) and TallyQA; of what is
written in images, TextVQA, ST-VQA, OCR-VQA, DocVQA, InfographicVQA and ChartQA.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, read_json
from pali3kit.data.reader import image_folder, image_in
from pali3kit.data.readers.coco import Id, by_id, named_files
from pali3kit.data.readers.published_ocr import PublishedOcr
from pali3kit.data.readers.rotations import Rotations
from pali3kit.data.readers.skipped import Located, SkippingFiles, require_any_valid, valid_or_raise
from pali3kit.data.readers.vqa_questions import (
    ANSWERS,
    PATHS,
    Names,
    RawQuestion,
    answers_in,
    file_groups,
    image_mismatch,
    image_names,
    in_any_order,
    read_asked,
    require_new,
)
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

Entry = tuple[Names, tuple[Asked, ...]]  # the names of an image and its questions
OCRVQA_SPLITS = {"train": 1, "test": 3}
MINIVAL = 10_240  # questions at the end of VQAv2's val that big_vision holds out, to train on the others


class _VqaReader(SkippingFiles):
    """Images with their questions, in one of four layouts, recognized by their fields:

    - VQAv2, OKVQA: `questions[]: question_id, image_id, question` and, in the file `annotations`, `annotations[]:
      question_id, answers[]: answer`. Images are `COCO_<data_subtype>_<12 digits>.jpg` or `<12 digits>.jpg`.
    - `data[]`, or a list at the top level: TextVQA, ST-VQA, DocVQA, InfographicVQA, ChartQA, TallyQA, VizWiz-VQA and
      A-OKVQA. The fields of a question are those of `vqa_questions`; an image without a path is `<image_id>.jpg`, or
      named as COCO's.
    - VQ2A: `annotations[]: image_id, qa_pairs[]: question, answers[]`; images are `<image_id>.jpg`, or as COCO's.
    - OCR-VQA: `<id>: questions[], answers[], split` of all splits; images are `<id>.jpg`.

    Images are in `images`, or in its subfolder `data_subtype` (VQAv2), `<dataset_split>` (DocVQA) or `<split>/png`
    (ChartQA), with any extension of an image format. Questions are in `language`. A record is an image with all its
    questions or, for the split `test`, with one: accuracy averages over questions.

    An answer may be empty and still counts as an annotator's. Questions that are blank or have only empty answers are
    skipped, and those without answers where others have some. A test file without any, as servers score, can be
    answered and not scored.

    Several files (a pattern) are read in turn, one question of each, so that any beginning has as many of all: those of
    ChartQA, `test_human.json` and `test_augmented.json`, are the groups `human` and `augmented`. With `hold_out` N, one
    image of N, chosen by its name, is for testing alone. `with_val` reads OCR-VQA's validation split too; with
    `any_order` answers are right in any order of what they list (`in_any_order`). With `minival`, the last 10,240
    questions alone are read; with `val`, a reader of VQAv2's val, all of its questions but these are trained on too.
    """

    version = 2
    languages = ()

    def __init__(
        self,
        path: str,
        images: str,
        annotations: str | None = None,
        language: str = "en",
        split: str = "train",
        hold_out: int | None = None,
        rotations: str | None = None,
        with_val: bool = False,
        any_order: bool = False,
        ocr: str | None = None,
    ) -> None:
        self.groups, self._annotations = file_groups(path), file_groups(annotations) if annotations else {}
        self.rotations, self.ocr = Rotations(rotations) if rotations else None, PublishedOcr(ocr) if ocr else None
        others = [*([self.rotations.path] if self.rotations else []), *(self.ocr.files if self.ocr else [])]
        super().__init__(*self.groups, *self._annotations, *others)
        self.path, self.image_folder, self.language = self.files[0], image_folder(images), language
        self.split, self.hold_out, self.with_val, self.any_order = split, hold_out, with_val, any_order
        self.minival = False
        self.val: _VqaReader | None = None
        self.ocr_files: dict[Names, str] = {}  # of InfographicVQA, by the names of the image

    @cached_property
    def entries(self) -> list[Entry | DataError]:
        """Images with their questions; a DataError in place of one with a malformed question."""
        asked: dict[tuple[Names, int], list[Asked | DataError]] = defaultdict(list)
        if self.rotations:
            self.rotations.require_valid()
        raw = [*self._of_split()]
        hidden = self.split == "test" and all(entry.hidden for entry in raw)
        if hidden and self.minival:
            raise DataError(f"{self.path} has no answers, as minival, the end of val, has: set test_split to val.")
        for number, entry in enumerate(raw):
            if not (hidden or self._is_ours(entry.names)):
                continue
            if entry.hidden and not hidden:
                self.skipped.note("a question without answers", entry.where)
            elif (question := read_asked(entry, self.language, self.skipped, self.split)) is not None:
                if self.any_order and isinstance(question, Asked):
                    question = replace(question, answers=in_any_order(question.answers))
                asked[entry.names, number if self.split == "test" else 0].append(question)
        found = [_entry(names, questions) for (names, _), questions in asked.items()]
        return require_any_valid(found, f"{self.path}: no question with an answer")

    def _of_split(self) -> Iterator[RawQuestion]:
        found = self._entries()
        if self.minival:
            return iter([*found][-MINIVAL:])
        return chain(found, [*self.val._entries()][:-MINIVAL]) if self.val else found

    def _is_ours(self, names: Names) -> bool:
        """Whether an image is of this split, where one in `hold_out` is held out."""
        if self.hold_out is None:
            return True
        held_out = zlib.crc32(names[0].encode(errors="replace")) % self.hold_out == 0
        return held_out == (self.split == "test")

    def _entries(self) -> Iterator[RawQuestion]:
        seen: dict[Id, str] = {}
        for row in zip_longest(*(self._of_file(file, group) for file, group in self.groups.items())):
            for entry in filter(None, row):
                if len(self.groups) > 1:
                    require_new(entry, seen)
                yield entry

    def _of_file(self, file: Path, group: str) -> Iterator[RawQuestion]:
        content = read_json(file)
        if isinstance(content, list):  # VizWiz-VQA, A-OKVQA, ChartQA, TallyQA
            return self._listed({"": content}, "", file, group, f"{file.parent.name}/png")
        layout = mapping(content, str(file))
        if "data" in layout:
            return self._listed(layout, "data", file, group, str(layout.get("dataset_split", "")))
        if "questions" in layout:
            return self._vqa(layout, file)
        return self._vq2a(layout) if "annotations" in layout or not _are_books(layout) else self._ocrvqa(layout)

    @cached_property
    def _answers(self) -> dict[Id, Located]:
        return answers_in(list(self._annotations), self.skipped)

    def _vqa(self, content: Mapping[str, object], file: Path) -> Iterator[RawQuestion]:
        folder, answers = content.get("data_subtype"), self._answers
        questions = by_id(self.skipped, content, "questions", str(file), "question_id")
        if not self._annotations:
            yield from self._without_answers(questions, folder if isinstance(folder, str) else "")
            return
        before = self.skipped.num_errors
        for number, (where, question) in questions.items():
            if (names := self._names(question, where, folder if isinstance(folder, str) else "")) is None:
                continue
            if number not in answers:
                wrong = f"{where}: question_id {number} is not in {' or '.join(map(str, self._annotations))}"
                yield RawQuestion(where, question, names, where, {}, wrong=wrong)
                continue
            at, answer = answers[number]
            wrong = image_mismatch(question, where, answer, at)
            yield RawQuestion(where, question, names, at, answer, wrong=wrong)
        self.skipped.check_share(before, len(questions))
        for number, (where, _) in answers.items() if len(self.groups) == 1 else ():
            if number not in questions:
                self.skipped.note(f"an answer to a question that {self.path} does not have", where)

    def _without_answers(self, questions: Mapping[Id, Located], folder: str) -> Iterator[RawQuestion]:
        if self.split != "test":
            raise DataError(f"{self.path} has questions only: `annotations` should name the file with their answers")
        before = self.skipped.num_errors
        for where, question in questions.values():
            if (names := self._names(question, where, folder)) is not None:
                yield RawQuestion(where, question, names, where, {}, hidden=True)
        self.skipped.check_share(before, len(questions))

    def _listed(
        self, content: Mapping[str, object], name: str, file: Path, group: str, folder: str
    ) -> Iterator[RawQuestion]:
        for where, entry in self.skipped.mappings(content, name, str(file)):
            hidden = not any(field in entry for field in ANSWERS)
            if (names := self._names(entry, where)) is not None:
                if folder and any(path in entry for path in PATHS):  # DocVQA's and ChartQA's splits have one each
                    names = (*names, f"{folder}/{names[0]}")
                if isinstance(ocr_file := entry.get("ocr_output_file"), str):
                    self.ocr_files[names] = ocr_file
                yield RawQuestion(where, entry, names, where, entry, group, hidden=hidden)

    def _ocrvqa(self, content: Mapping[str, object]) -> Iterator[RawQuestion]:
        for name, (where, book) in self.skipped.mapping_items({"": content}, "", str(self.path)):
            try:
                if field(book, "split", int, where) not in (OCRVQA_SPLITS[self.split], 2 if self.with_val else 0):
                    continue
                questions, answers = (field(book, key, list, where) for key in ("questions", "answers"))
                if len(questions) != len(answers):
                    raise DataError(f"{where}: {len(questions)} 'questions', but {len(answers)} 'answers'.")
            except DataError as error:
                self.skipped.add_error(error)
                continue
            for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
                at = f"{where}: questions[{number}]"
                yield RawQuestion(at, {"question": question}, (name,), at, {"answer": answer})

    def _vq2a(self, content: Mapping[str, object]) -> Iterator[RawQuestion]:
        for where, entry in self.skipped.mappings(content, "annotations", str(self.path)):
            if (names := self._names(entry, where, "val2014")) is None:
                continue
            try:
                for at, pair in each(entry, "qa_pairs", where):
                    yield RawQuestion(at, pair, names, at, pair)
            except DataError as error:
                self.skipped.add_error(error)

    def _names(self, entry: Mapping[str, object], where: str, folder: str = "") -> Names | None:
        """Possible file names of an entry's image; None if it names no image, which is recorded as malformed."""
        try:
            return image_names(entry, where, folder)
        except DataError as error:
            self.skipped.add_error(error)
            return None

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        names, questions = valid_or_raise(self.entries[number])
        files = dict.fromkeys(file for name in names for file in named_files(name))
        turn = self.rotations.turn(names) if self.rotations else None
        read_image = image_in(self.image_folder, *files)
        ocr_names = [self.ocr_files[names]] if names in self.ocr_files else names
        read_ocr = partial(self.ocr.words, ocr_names) if self.ocr else None
        name = f"{self.path}: image {names[0]}"
        return Record(name, read_image, questions=questions, stored=turn is not None, edit=turn, read_ocr=read_ocr)


def _entry(names: Names, questions: Sequence[Asked | DataError]) -> Entry | DataError:
    wrong = next((question for question in questions if isinstance(question, DataError)), None)
    return wrong or (names, tuple(question for question in questions if isinstance(question, Asked)))


def _are_books(layout: Mapping[str, object]) -> bool:
    """Whether a mapping is OCR-VQA's."""
    return any(isinstance(book, dict) and "questions" in book for book in layout.values())


@SOURCE.register(
    "vqa",
    "questions and answers: VQAv2, OKVQA, TextVQA, DocVQA, ChartQA, ...",
    annotations=("questions",),
    files=("path", "annotations", "test", "test_annotations", "rotations", "ocr", "test_ocr"),
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
    hold_out: int | None = None,
    rotations: str | None = None,
    with_val: bool = False,
    any_order: bool = False,
    ocr: str | None = None,
    test_ocr: str | None = None,
    test_split: Literal["val", "minival"] = "val",
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `vqa`, in `language`: a file or a pattern; `annotations` has the answers of VQAv2 and OKVQA.

    OCR-VQA's file contains its test split: `test` is then the same file. So it is where one image of `hold_out` is held
    out of training to test on, as ST-VQA has no validation split. Of VQAv2's val as `test`, `minival` tests on the last
    10,240 questions and trains on the others too, whose images should be in `images`. `rotations` is Open Images' list
    of turned images (TextVQA), `ocr` the published words of an OCR system (`PublishedOcr`). `with_val` trains on
    OCR-VQA's validation split too. `any_order`: an answer that lists several things is right in any order of them.
    """
    reader = _VqaReader(path, images, annotations, language, "train", hold_out, rotations, with_val, ocr=ocr)
    if test is None:
        return AnnotatedSource(reader)
    asked = test, test_images or images, test_annotations, language
    held = _VqaReader(*asked, "test", hold_out, rotations, any_order=any_order, ocr=test_ocr or ocr)
    if test_split == "minival":
        reader.val, held.minival = _VqaReader(*asked), True
        reader.files = [*reader.files, *reader.val.files]
        reader.val.skipped = reader.skipped
    return AnnotatedSource(reader, held)
