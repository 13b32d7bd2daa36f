"""Questions and answers: VQAv2, OKVQA, TextVQA, and VQ2A (MAVERICS) in their own files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, read_json, typed
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Asked, Record
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

Names = tuple[str, ...]  # files that a picture may be in


class VqaReader(Files):
    """Pictures with their questions, in one of three layouts, told apart by their fields:

    - VQAv2, OKVQA: `questions[]: question_id, image_id, question` and, in the file `annotations`, `annotations[]:
      question_id, answers[]: answer`. Pictures are `COCO_<data_subtype>_<12 digits>.jpg` or `<12 digits>.jpg`.
    - TextVQA: `data[]: image_id, question, answers[]`; pictures are `<image_id>.jpg`.
    - VQ2A: `annotations[]: image_id, qa_pairs[]: question, answers[]`; pictures are `<image_id>.jpg`, or as COCO's.

    Pictures are in `images`, or in its folder `data_subtype`. Questions are in `language`. A record is a picture with
    all its questions or, `single`, with one: accuracy is a mean over questions.
    """

    def __init__(
        self, path: str, images: str, annotations: str | None = None, language: str = "en", single: bool = False
    ) -> None:
        super().__init__(existing(path), *([existing(annotations)] if annotations else []))
        self.path, self.images, self.language = self.files[0], existing(images, "folder"), language
        self.single = single

    @cached_property
    def pictures(self) -> list[tuple[Names, tuple[Asked, ...]]]:
        content = mapping(read_json(self.path), str(self.path))
        found = list(self._questions(content))
        if not found:
            raise DataError(f"{self.path}: no question with an answer")
        if self.single:
            return [(names, (question,)) for names, question in found]
        asked: dict[Names, list[Asked]] = defaultdict(list)
        for names, question in found:
            asked[names].append(question)
        return [(names, tuple(questions)) for names, questions in asked.items()]

    def _questions(self, content: Mapping[str, object]) -> Iterator[tuple[Names, Asked]]:
        if "data" in content:
            return self._textvqa(content)
        return self._vqa(content) if "questions" in content else self._vq2a(content)

    def _vqa(self, content: Mapping[str, object]) -> Iterator[tuple[Names, Asked]]:
        if len(self.files) < 2:
            raise DataError(f"{self.path} has questions alone: `annotations` should name the file with their answers")
        subtype = str(content.get("data_subtype", ""))
        given = mapping(read_json(self.files[1]), str(self.files[1]))
        answers = {
            field(said, "question_id", int, where): _answers(said, where)
            for where, said in each(given, "annotations", str(self.files[1]))
        }
        for where, entry in each(content, "questions", str(self.path)):
            number = field(entry, "question_id", int, where)
            if number not in answers:
                raise DataError(f"{where}: question_id {number} is not in {self.files[1]}")
            names = _coco_names(field(entry, "image_id", int, where), subtype)
            yield names, self._asked(entry, answers[number], where)

    def _textvqa(self, content: Mapping[str, object]) -> Iterator[tuple[Names, Asked]]:
        for where, entry in each(content, "data", str(self.path)):
            if "answers" in entry or "answer" in entry:  # the test file has none
                name = field(entry, "image_id", str, where)
                yield (f"{name}.jpg",), self._asked(entry, _answers(entry, where), where)

    def _vq2a(self, content: Mapping[str, object]) -> Iterator[tuple[Names, Asked]]:
        for where, entry in each(content, "annotations", str(self.path)):
            name = field(entry, "image_id", str, where)
            names = (f"{name}.jpg", *(_coco_names(int(name), "val2014") if name.isdecimal() else ()))
            for at, pair in each(entry, "qa_pairs", where):
                yield names, self._asked(pair, _answers(pair, at), at)

    def _asked(self, entry: Mapping[str, object], answers: Names, where: str) -> Asked:
        return Asked(field(entry, "question", str, where).strip(), answers, self.language)

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        names, questions = self.pictures[number]
        return Record(f"{self.path}: picture {names[0]}", picture_in(self.images, *names), questions=questions)


def _answers(entry: Mapping[str, object], where: str) -> Names:
    """All answers, the most usual first; each is a text, or a mapping with an `answer`."""
    said = []
    for number, answer in enumerate(field(entry, "answers", list, where)):
        at = f"{where}: answers[{number}]"
        said.append(field(answer, "answer", str, at) if isinstance(answer, dict) else typed(answer, str, at))
    counts = Counter(answer.strip() for answer in said if answer.strip())
    if not counts:
        raise DataError(f"{where}: 'answers' should hold at least one that is not empty.")
    return tuple(answer for answer, count in counts.most_common() for _ in range(count))


def _coco_names(number: int, subtype: str) -> Names:
    plain = f"{number:012}.jpg"
    names = [f"COCO_{subtype}_{plain}", plain] if subtype else [plain]
    return tuple([*names, *(f"{subtype}/{name}" for name in names if subtype)])


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
    """The registry's `vqa`: VQAv2 or OKVQA (`annotations` has the answers), TextVQA, or VQ2A, in `language`."""
    held = VqaReader(test, test_images or images, test_annotations, language, single=True) if test else None
    return AnnotatedSource(VqaReader(path, images, annotations, language), held)
