"""Each benchmark is scored by its metric, and each metric of texts on its examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pali3kit.data.task import Example
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import DataError, RegistryError
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import FEW, ONE, score
from pali3kit.metrics import bleu, cider, rouge_l
from pali3kit.registry import METRIC

ANSWERS = ["a red cat", "two"]
EXAMPLES = [Example((i,), "", text, (text, "a cat")) for i, text in enumerate(ANSWERS)]


class Spaced:
    """A source that puts a space between all characters."""

    def tokenized(self, text: str, language: str) -> str:
        return " ".join(text)


class Plain:
    """A source whose languages are all written with spaces."""

    def tokenized(self, text: str, language: str) -> str:
        return text


def scored(benchmark: str, examples: Sequence[Example], answers: Sequence[str]) -> EvalResult:
    source: Any = Plain()
    return score(benchmark, Answered(examples, answers, source, None, 9))


@pytest.mark.parametrize("benchmark", ["textvqa", "okvqa"])
def test_questions_have_vqa_accuracy(benchmark: str) -> None:
    assert scored(benchmark, EXAMPLES, ANSWERS) == scored("vqav2", EXAMPLES, ANSWERS)


def test_captions_in_many_languages_are_spaced_by_the_source() -> None:
    source: Any = Spaced()
    answers = ["a red cat", "two", "ein Hund", "zwei"]
    spaced = [Example((i,), "", "", (" ".join(text),), "en" if i < 2 else "de") for i, text in enumerate(answers)]
    found = score("xm3600", Answered(spaced, answers, source, None, 9))
    english = scored("coco", spaced[:2], [" ".join(text) for text in answers[:2]])
    assert found.extra["en"] == english.value > 0


def test_regions_need_a_mask_tokenizer() -> None:
    source: Any = Spaced()
    with pytest.raises(DataError, match="regions are scored with the mask tokenizer, and there is none"):
        score("refcocog", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_an_unknown_benchmark_is_an_error_and_never_vqa_accuracy() -> None:
    source: Any = Spaced()
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'txtvqa'\. Did you mean 'textvqa'\?$"):
        score("txtvqa", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_a_benchmark_without_a_metric_is_not_scored_by_another() -> None:
    """The probe does not score generated answers."""
    source: Any = Spaced()
    with pytest.raises(RegistryError, match="unknown metric ''"):
        score("probe", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_a_plug_ins_metric_gets_what_ours_get(add_benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Answered] = []

    def anls(answered: Answered) -> EvalResult:
        seen.append(answered)
        return EvalResult(12.5, [0.0, 25.0])

    METRIC.names()
    monkeypatch.setitem(METRIC._entries, "anls", RegistryEntry("anls", anls))
    add_benchmark("docvqa", metric="anls")
    source: Any = Spaced()
    asked = Answered(EXAMPLES, ANSWERS, source, None, 9)
    assert score("docvqa", asked).value == 12.5 and seen == [asked]


def test_there_is_an_answer_and_a_score_for_every_example(add_benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source: Any = Spaced()
    for benchmark in ("coco", "xm3600", "vqav2"):
        with pytest.raises(DataError, match="needs one prediction per example: 1 for 2 examples"):
            score(benchmark, Answered(EXAMPLES, ANSWERS[:1], source, None, 9))
    METRIC.names()
    add_benchmark("docvqa", metric="anls")
    for scores in (EvalResult(12.5, [12.5]), EvalResult(float("nan"), [0.0, 25.0])):
        monkeypatch.setitem(METRIC._entries, "anls", RegistryEntry("anls", lambda answered, scores=scores: scores))
        with pytest.raises(DataError, match=r"metric 'anls' returned the value (12.5|nan) with [12] samples for 2"):
            score("docvqa", Answered(EXAMPLES, ANSWERS, source, None, 9))


def examples(*references: tuple[str, ...], language: str = "en") -> list[Example]:
    return [Example((i,), "", "", refs, language) for i, refs in enumerate(references)]


REFERENCES = (("a cat and a dog", "a dog and a cat"), ("a red bus", "the bus is red"), ("two birds", "a pair of birds"))


def test_captions_are_cider_times_100() -> None:
    predictions = ["a cat and a dog", "a bus", "a fish"]
    scores = scored("coco", examples(*REFERENCES), predictions)
    value, samples = cider(predictions, REFERENCES)
    assert scores.value == pytest.approx(100 * value) and scores.samples == pytest.approx([100 * s for s in samples])
    assert scores.samples[0] > scores.samples[1] > scores.samples[2] == 0


def test_languages_are_scored_apart_and_the_other_ones_averaged() -> None:
    french = examples(("un chat et un chien",), ("un bus rouge et un vélo",), language="fr")
    german = examples(("eine Katze und ein Hund",), ("ein roter Bus und ein Rad",), language="de")
    english = examples(*REFERENCES[:2])
    predictions = ["a cat and a dog", "a bus", *(e.references[0] for e in french), "nichts", "gar nichts"]
    scores = scored("xm3600", [*english, *french, *german], predictions)
    assert scores.extra["languages"]["de"] == 0 < scores.extra["languages"]["fr"]
    assert scores.extra["avg35"] == pytest.approx(scores.extra["languages"]["fr"] / 2)
    assert scores.extra["en"] == scores.extra["languages"]["en"]
    assert len(scores.samples) == 6 and scores.samples[2] > 0 == scores.samples[4]


def test_answers_are_vqa_accuracy_in_percent() -> None:
    asked = examples(("red",) * 10, ("2",) * 2 + ("3",) * 8)
    assert scored("vqav2", asked, ["red", "two"]).samples == pytest.approx([100.0, 100 * (2 * 1 / 3 + 8 * 2 / 3) / 10])


def test_captions_have_bleu_and_rouge_beside() -> None:
    predictions = ["A cat, and a dog.", "a bus", "a fish isn't here"]
    scores = scored("coco", examples(*REFERENCES), predictions)
    assert scores.extra == {
        "BLEU-4": pytest.approx(100 * bleu(predictions, REFERENCES)[0]),
        "ROUGE-L": pytest.approx(100 * rouge_l(predictions, REFERENCES)[0]),
    }
    assert scores.value == pytest.approx(100 * cider(predictions, REFERENCES)[0])


def languages(**counts: int) -> list[Example]:
    return [
        Example((number,), "", "", (f"a {number} b c d", f"e {number} f g h"), language)
        for language, count in counts.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "parts"),
    [({"en": 3}, {"en"}), ({"de": 3, "fr": 2}, {"avg35"}), ({"en": 2, "de": 3}, {"en", "avg35"})],
)
def test_languages_that_are_not_there_have_no_column(counts: dict[str, int], parts: set[str]) -> None:
    asked = languages(**counts)
    scores = scored("xm3600", asked, [example.references[0] for example in asked])
    assert set(scores.extra) == {*parts, "languages", "images"}
    assert scores.extra["images"] == counts and set(scores.extra["languages"]) == set(counts)
    assert scores.value > 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "of no examples is not defined"),
        ({"en": 3, "th": 1}, "CIDEr of 1 image is 0 for any caption, and 'th' has no more"),
    ],
)
def test_languages_that_say_nothing_are_refused(counts: dict[str, int], message: str) -> None:
    asked = languages(**counts)
    with pytest.raises(DataError, match=message):
        scored("xm3600", asked, [""] * len(asked))


def test_questions_that_one_person_answered_are_matched_exactly() -> None:
    """VQ2A, GQA: VQA accuracy would leave that person out."""
    asked = examples(("A cup.",), ("two",), ("red",), ("red",) * 3, ("red",) * 10)
    scores = scored("vqav2", asked, ["a cup", "2", "rot", "red", "red"])
    assert scores.samples == pytest.approx([100, 100, 0, 200 / 3, 100])
    assert scores.value == pytest.approx(sum(scores.samples) / 5)
    assert scores.extra == {ONE: 3, FEW: 1}
    assert scored("vqav2", examples(("red",) * 10), ["red"]).extra == {}


def test_every_question_has_an_answer() -> None:
    with pytest.raises(DataError, match="question 1 of 2 has none"):
        scored("vqav2", examples(("red",), ()), ["red", "red"])


GROUPED = [Example((0,), "", text, (text,), group=group) for text, group in (("1", "a"), ("2", "b"), ("3", "b"))]


def test_groups_have_means_of_their_own_and_the_value_is_over_all(add_benchmark: Any) -> None:
    add_benchmark("counts", metric="exact")
    result = scored("counts", GROUPED, ["1", "2", "x"])
    assert result.extra == {"a": 100, "b": 50} and result.value == pytest.approx(200 / 3)
    assert scored("counts", EXAMPLES, ANSWERS).extra == {}


def test_a_mean_over_groups_needs_all_of_them(add_benchmark: Any) -> None:
    add_benchmark("counts", metric="exact", groups=("a", "b"))
    assert scored("counts", GROUPED, ["1", "2", "x"]).value == 75
    assert scored("counts", EXAMPLES, ANSWERS).value == 100, "other data without groups"
    with pytest.raises(DataError, match=r"^'counts' is the mean over a, b: there is no example of b\.$"):
        scored("counts", GROUPED[:1], ["1"])


@pytest.mark.parametrize(
    ("metric", "answer", "samples"),
    [
        ("anls", "New  York", [100, 0]), ("anls_mmf", "New  York", [800 / 9, 0]),
        ("anls_big_vision", "new york", [100, 0]),
        ("relaxed_accuracy", "105", [0, 100]), ("exact", "New York", [0, 0]), ("exact_lower", "New York", [100, 0]),
        ("exact_stripped", " New York ", [100, 0]), ("tallyqa_accuracy", "100", [0, 100]),
    ],
)  # fmt: skip
def test_metrics_of_questions_by_name(add_benchmark: Any, metric: str, answer: str, samples: list[float]) -> None:
    add_benchmark("named", metric=metric)
    asked = [Example((i,), "", text, (text,)) for i, text in enumerate(("new york", "100"))]
    result = scored("named", asked, [answer] * 2)
    assert result.samples == pytest.approx(samples) and result.value == pytest.approx(sum(samples) / 2)


def test_textvqa_has_two_accuracies() -> None:
    asked = [Example((0,), "", "coca-cola", ("coca-cola",) * 10)]
    assert [scored(name, asked, ["Coca Cola"]).value for name in ("textvqa", "textvqa_server")] == [0, 100]
