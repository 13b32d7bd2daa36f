r"""VQA accuracy as the official evaluation computes it (github GT-Vision-Lab/VQA, Antol et al. 2015).

Its quirks are part of every published number, and kept:
* Answers are normalised only where the ten annotators disagree; where they agree, case and punctuation must match.
* A sign of `PUNCTUATION` is deleted if it is next to a space anywhere in the text, or if the text has a comma between
  digits ("1,000"); otherwise it becomes a space.
* The pattern that should keep decimal points has `(?!<=\d)` where `(?<!\d)` was meant: a point is deleted unless a
  digit follows, so "5." loses its point and ".5" keeps it. Its flags are passed as `count`, so only the first 32 points
  are deleted.
* "none" becomes 0 and "ten" 10; "eleven" stays a word. Words are lower-case when contractions are looked up, so
  capitalised ones never match; "somebody'd" loses its apostrophe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pali3kit.errors import DataError
from pali3kit.metrics.base import QuestionMean
from pali3kit.metrics.inputs import require_texts

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
ARTICLES = frozenset({"a", "an", "the"})
_NUMBER_WORDS = "zero one two three four five six seven eight nine ten"
NUMBERS = {"none": "0"} | {word: str(i) for i, word in enumerate(_NUMBER_WORDS.split())}

# Contractions whose apostrophes are restored. Each of these replaces its form without any apostrophe ...
_WITHOUT_ALL = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't
    it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't
    somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's
    they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's
    where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""
# ... and each of these, which have two, replaces both forms that lack one of them.
_WITHOUT_ONE = """
    couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
    there'd've they'd've we'd've who'd've wouldn't've y'all'll you'd've
"""


def _contractions() -> dict[str, str]:
    forms = {form.replace("'", ""): form for form in _WITHOUT_ALL.split()}
    for form in _WITHOUT_ONE.split():
        head, middle, tail = form.split("'")
        forms[f"{head}{middle}'{tail}"] = forms[f"{head}'{middle}{tail}"] = form
    irregular = ("ow's'at", "'ows'at", "'ow'sat")
    forms |= dict.fromkeys(irregular, "'ow's'at") | {"somebody'd": "somebodyd"}
    return forms | dict.fromkeys(("yall'd've", "y'alld've", "y'all'dve"), "y'all'd've")


CONTRACTIONS = _contractions()
_DIGIT_COMMA = re.compile(r"\d,\d")
_POINT = re.compile(r"\.(?!\d)")
_POINTS_DROPPED = 32


def strip_spaces(text: str) -> str:
    """Newlines and tabs become spaces, then outer spaces are dropped: applied to every answer."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def normalize_answer(text: str) -> str:
    """The official normalisation: punctuation, lower case, number words, articles, contractions."""
    has_digit_comma = _DIGIT_COMMA.search(text) is not None
    clean = text
    for sign in PUNCTUATION:
        delete = has_digit_comma or f"{sign} " in text or f" {sign}" in text
        clean = clean.replace(sign, "" if delete else " ")
    words = _POINT.sub("", clean, count=_POINTS_DROPPED).lower().split()
    numbered = (NUMBERS.get(word, word) for word in words)
    return " ".join(CONTRACTIONS.get(word, word) for word in numbered if word not in ARTICLES)


def answer_score(prediction: str, answers: Sequence[str]) -> float:
    """Accuracy in [0, 1] of one prediction: `leave_one_out` of texts that are normalised where annotators differ.

    Raises:
        DataError: there are fewer than two answers.
    """
    prediction, answers = strip_spaces(prediction), [strip_spaces(answer) for answer in answers]
    if len(set(answers)) > 1:
        prediction, answers = normalize_answer(prediction), [normalize_answer(answer) for answer in answers]
    return leave_one_out(prediction, answers)


def leave_one_out(prediction: str, answers: Sequence[str]) -> float:
    """min(1, matches / 3) of a normalised prediction and answers, averaged over leaving out each annotator.

    Raises:
        DataError: there are fewer than two answers.
    """
    if len(answers) < 2:
        raise DataError(f"VQA accuracy leaves out one annotator, so it needs at least 2 answers; got {answers!r}.")
    matches = [answer == prediction for answer in answers]
    return sum(min(1.0, (sum(matches) - left_out) / 3) for left_out in matches) / len(matches)


def exact_match(prediction: str, answer: str) -> float:
    """1 where prediction and answer are equal when normalised, else 0: for questions with a single answer."""
    return float(normalize_answer(strip_spaces(prediction)) == normalize_answer(strip_spaces(answer)))


def vqa_accuracy(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """Mean accuracy in [0, 1], and that of each question, from predictions and the (ten) answers to each question.

    Raises DataError where lengths differ, there are no questions, or one of them has fewer than two answers.
    """
    require_texts(predictions, answers, "VQA accuracy", "question")
    scores = [answer_score(p, a) for p, a in zip(predictions, answers, strict=True)]
    return sum(scores) / len(scores), scores


class VQAAccuracy(QuestionMean):
    """VQA accuracy in [0, 1] over batches."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(vqa_accuracy, **kwargs)
