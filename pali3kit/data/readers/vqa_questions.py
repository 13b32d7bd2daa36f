"""The fields of questions in the files that `vqa` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

from pali3kit.data.fields import field, mapping, read_json, shown, typed
from pali3kit.data.lines import find_files
from pali3kit.data.reader import require_path
from pali3kit.data.readers.coco import Id, by_id, read_id
from pali3kit.data.readers.skipped import Located, SkippedEntries
from pali3kit.data.record import Asked
from pali3kit.errors import DataError

QUESTION = ("question", "query")  # names of fields, the most frequent first; the second is ChartQA's
ANSWERS = ("answers", "direct_answers", "answer", "label")  # lists, the second A-OKVQA's; single ones
IDS = ("question_id", "questionId")
MOST_PARTS = 6  # of an answer, whose orders are 720
SINGLE = ("answer", "label")  # a text, or in TallyQA a whole number
PATHS = ("image", "file_path", "image_local_name", "imgname")  # of images
Names = tuple[str, ...]  # possible file names of an image, with or without extension


class RawQuestion(NamedTuple):
    """A question's place and fields, the names of its image, and the place and fields of its answers.

    `group` is `Asked.group`; `wrong` says why the answers cannot be used; `hidden`: there are none, as in the file that
    a server tests on.
    """

    where: str
    question: Mapping[str, object]
    names: Names
    at: str
    answers: Mapping[str, object]
    group: str = ""
    wrong: str = ""
    hidden: bool = False


def image_names(entry: Mapping[str, object], where: str, folder: str = "") -> Names:
    """Possible file names of an entry's image, whose number is that of an image of COCO's `folder`.

    Raises DataError where it names no image.
    """
    paths = [field(entry, name, str, where) for name in PATHS if name in entry]
    if "image_id" not in entry:
        if not paths:
            own = ", ".join(list(map(str, entry))[:8])
            raise DataError(f"{where}: none of the fields image_id, {', '.join(PATHS)} names an image; it has {own}.")
        return tuple(dict.fromkeys(paths))
    value, number = field(entry, "image_id", object, where), read_id(entry, "image_id", where)
    names = [*paths[:1], value] if isinstance(value, str) else paths[:1]
    if isinstance(number, int):
        names += [f"{folder}/COCO_{folder}_{number:012}" if folder else f"{number:012}", str(number)]
    return tuple(dict.fromkeys(names))


def read_asked(entry: RawQuestion, language: str, skipped: SkippedEntries, split: str) -> Asked | DataError | None:
    """The question, the error of a malformed one, or None for an unusable one, which is recorded as skipped.

    TallyQA's `issimple` makes the groups "simple" and "complex"; all questions of its test have it.
    """
    try:
        text = field(entry.question, _present(QUESTION, entry.question), str, entry.where).strip()
        answers, group = () if entry.hidden else _answers(entry), entry.group
        counted = isinstance(entry.answers.get("answer"), int)  # in TallyQA alone
        if "issimple" in entry.question or (counted and split == "test"):
            group = "simple" if field(entry.question, "issimple", bool, entry.where) else "complex"
    except DataError as error:
        return error
    if text and (entry.hidden or (answers and answers[0])):
        return Asked(text, answers, language, group, _id(entry.question), entry.hidden)
    skipped.note("a question that nobody answered" if text else "a blank question", entry.where)
    return None


def image_mismatch(question: Mapping[str, object], where: str, answer: Mapping[str, object], at: str) -> str:
    """An error message if the answers name another image than their question, else ""."""
    if "image_id" not in question or "image_id" not in answer:
        return ""
    try:
        asked, answered = read_id(question, "image_id", where), read_id(answer, "image_id", at)
    except DataError as error:
        return str(error)
    return "" if asked == answered else f"{where}: 'image_id' is {asked} here, but {answered} in {at}"


def _id(question: Mapping[str, object]) -> int | str | None:
    """The question's number or name; None where there is none, or another value: only a submission needs it."""
    value = next((question[name] for name in IDS if name in question), None)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _answers(entry: RawQuestion) -> tuple[str, ...]:
    if entry.wrong:
        raise DataError(entry.wrong)
    return by_frequency(list(_texts(entry.answers, _present(ANSWERS, entry.answers), entry.at)))


def by_frequency(texts: Sequence[str]) -> tuple[str, ...]:
    """The answers of annotators, the most frequent first and empty ones last."""
    counts = Counter(filter(None, texts))
    return (
        *(answer for answer, count in counts.most_common() for _ in range(count)),
        *(text for text in texts if not text),
    )


def in_any_order(answers: Sequence[str]) -> tuple[str, ...]:
    """The answers and, of one that lists several things ("apple, pear"), every order of these, of up to `MOST_PARTS`.

    So big_vision has InfographicVQA's val, whose server takes the order as it is.
    """
    parts = [answer.split(", ") for answer in answers]
    orders = (permutations(each) if len(each) <= MOST_PARTS else [each] for each in parts)
    return tuple(dict.fromkeys(", ".join(order) for each in orders for order in each))


def with_options(question: str, options: Sequence[str]) -> str:
    """A question that lists the options of its answer: "which? (a) fox (b) hare"."""
    listed = " ".join(f"({chr(ord('a') + number)}) {option}" for number, option in enumerate(options))
    return f"{question.strip()} {listed}"


def _texts(entry: Mapping[str, object], name: str, where: str) -> Iterator[str]:
    """The answers in a field: a single one, or a list of texts, or of mappings with an `answer`."""
    value = field(entry, name, object, where)
    if name in SINGLE and not isinstance(value, list):
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise DataError(f"{where}: '{name}' should be a text or a whole number, not {shown(value)}.")
        yield str(value).strip()
        return
    for number, answer in enumerate(typed(value, list, f"{where}: '{name}'")):
        at = f"{where}: {name}[{number}]"
        yield (field(answer, "answer", str, at) if isinstance(answer, dict) else typed(answer, str, at)).strip()


def _present(names: Sequence[str], entry: Mapping[str, object]) -> str:
    """The first of `names` that the entry has; the first of all where it has none."""
    return next((name for name in names if name in entry), names[0])


def file_groups(path: str) -> dict[Path, str]:
    """The files of a path or pattern; of several, each with its group, the last part of its name."""
    files = find_files(path, ".json") if any(sign in path for sign in "*?") else [require_path(path)]
    return {file: file.name.partition(".")[0].rpartition("_")[2] if len(files) > 1 else "" for file in files}


def require_new(entry: RawQuestion, seen: dict[Id, str]) -> None:
    """Raise DataError where another file has the question too, as two releases of DocVQA do."""
    for name in IDS:
        if name in entry.question:
            number = read_id(entry.question, name, entry.where)
            if (first := seen.setdefault(number, entry.where)) != entry.where:
                raise DataError(f"{entry.where}: '{name}' {number} is already that of {first}: name one of the files.")


def answers_in(files: Sequence[Path], skipped: SkippedEntries) -> dict[Id, Located]:
    """The entries of VQAv2's files of answers, by the ids of their questions, each of which is in one file."""
    found: dict[Id, Located] = {}
    for file in files:
        content = mapping(read_json(file), str(file))
        for number, located in by_id(skipped, content, "annotations", str(file), "question_id").items():
            if number in found:
                raise DataError(f"{located[0]}: 'question_id' {number} is already that of {found[number][0]}.")
            found[number] = located
    return found
