"""WUPS on a WordNet of eleven synsets, computed by hand; on the real one, where it is installed, the known values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_wordnet

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered
from pali3kit.metrics import WUPS, wups
from pali3kit.registry import METRIC
from pali3kit.text import wordnet

nltk = pytest.importorskip("nltk", reason="pip install nltk")
CACHES = (wordnet._wordnet, wordnet.lemma, wordnet.wu_palmer)


def use(monkeypatch: pytest.MonkeyPatch, folders: list[str]) -> None:
    """Let NLTK look into these folders alone, and forget what it has read."""
    from nltk.corpus.reader import CorpusReader, WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    others = LazyCorpusLoader("omw-1.4", CorpusReader, r".*")
    monkeypatch.setattr(nltk.data, "path", folders)
    monkeypatch.setattr(nltk.corpus, "wordnet", LazyCorpusLoader("wordnet", WordNetCorpusReader, others))
    monkeypatch.setenv("NLTK_DATA", ":".join(folders))
    for each in CACHES:
        each.cache_clear()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    for each in CACHES:
        each.cache_clear()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, [str(tiny_wordnet.write(tmp_path))])


@pytest.mark.usefixtures("tiny")
def test_similarities_by_hand() -> None:
    """Twice the depth of the lowest common hypernym by both depths: entity 1, animal 2, dog and cat 3, puppy 4."""
    assert wordnet.wu_palmer("dog", "cat") == pytest.approx(2 * 2 / (3 + 3))
    assert wordnet.wu_palmer("puppy", "dog") == pytest.approx(2 * 3 / (4 + 3))
    assert wordnet.wu_palmer("dog", "hound") == 1.0  # words of one synset
    assert wordnet.wu_palmer("dog", "walk") == pytest.approx(2 * 1 / (3 + 2))  # the first synset is the noun
    assert wordnet.wu_palmer("dog", "red") == pytest.approx(2 * 1 / (4 + 2))  # a simulated root above all
    assert (wordnet.wu_palmer("zebra", "dog"), wordnet.wu_palmer("zebra", "zebra")) == (0.0, 1.0)


@pytest.mark.usefixtures("tiny")
def test_lemmas_are_those_of_the_most_frequent_part_of_speech() -> None:
    words = ["Dogs", "ran", "walking", "dogged", "zebras"]  # Porter's stem of "dogged" is "dog"
    assert list(map(wordnet.lemma, words)) == ["dog", "run", "walk", "dog", "zebras"]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("prediction", "answers", "kind", "at_0", "at_09"),
    [
        ("dog", ["cat"], "CW", 2 / 3, 0.1 * 2 / 3),
        ("the dogs", ["a dog"], "DO", 1.0, 1.0),
        ("puppy", ["dog", "puppy"], "TC", 1.0, 1.0),
        ("puppy", ["dog"], "TC", 6 / 7, 0.1 * 6 / 7),
        ("dog cat", ["cat"], "CH", 2 / 3, 0.1 * 2 / 3),  # one way 2/3 * 1, the other 1
        ("zebra dog", ["dog"], "CH", 1.0, 1.0),  # the word that is similar to none is left out
        ("zebra", ["dog"], "CH", 0.0, 0.0),
        ("the", ["the"], "CH", 0.0, 0.0),  # nothing but stop words
        ("dog", ["puppy"], "DC", 0.0, 0.0),  # a count is right or wrong
        ("dogs", ["the dog"], "DC", 1.0, 1.0),  # as lemmas without stop words
        ("no", ["no"], "DB", 1.0, 1.0),
        ("yes", ["no"], "DB", 0.0, 0.0),
        ("", ["no"], "DB", 0.0, 0.0),
        ("two", ["2", "two"], "DC", 1.0, 1.0),
    ],
)  # fmt: skip
def test_scores_by_hand(prediction: str, answers: list[str], kind: str, at_0: float, at_09: float) -> None:
    assert wups([prediction], [answers], types=[kind])[0] == pytest.approx(at_0)
    assert wups([prediction], [answers], types=[kind], threshold=0.9)[1] == pytest.approx([at_09])


@pytest.mark.usefixtures("tiny")
def test_batches_and_the_registered_metric() -> None:
    predictions, answers, types = ["dog", "no", "dog"], [["cat"], ["no"], ["puppy"]], ["CW", "DB", "DC"]
    metric = WUPS()
    metric.update(predictions[:1], answers[:1], types[:1])
    metric.update(predictions[1:], answers[1:], types[1:])
    assert metric.compute().item() == pytest.approx((2 / 3 + 1 + 0) / 3)
    examples = [
        Example((0,), "", known[0], tuple(known), group=kind) for known, kind in zip(answers, types, strict=True)
    ]
    found = METRIC.get("wups")(Answered(examples, predictions, None, None, 9))  # type: ignore[arg-type]
    assert found.value == pytest.approx(100 * (2 / 3 + 1) / 3)
    assert found.extra == {
        "WUPS@0.9": pytest.approx(100 * (2 / 30 + 1) / 3), "C": pytest.approx(200 / 3), "D": 50.0,
        "lemmatiser": "Morphy without a tagger",
    }  # fmt: skip


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, [str(tmp_path)])
    with pytest.raises(DataError, match=r"NLTK finds none .*nltk.downloader wordnet; from Debian's package wordnet-b"):
        wups(["a"], [["b"]])
    with pytest.raises(DataError, match="types of WUPS needs one prediction per question: 2 for 1"):
        wups(["a"], [["b"]], types=["CW", "CH"])


KNOWN = {
    "dog cat": 0.857143, "walk run": 0.571429, "happy sad": 0.5, "red blue": 0.875, "boy girl": 0.631579,
    "quickly slowly": 0.5, "car drive": 0.111111, "table chair": 0.125,
}  # fmt: skip


@pytest.mark.slow
def test_similarities_in_wordnet_3() -> None:
    try:
        wordnet.require_wordnet()
    except DataError as error:
        pytest.skip(str(error))
    assert wordnet._wordnet().get_version() == "3.0"
    for pair, value in KNOWN.items():
        assert wordnet.wu_palmer(*pair.split()) == pytest.approx(value, abs=1e-6)
    assert wups(["dog"], [["cat"]])[0] == pytest.approx(0.857143, abs=1e-6)
    assert wups(["dog"], [["cat"]], threshold=0.9)[0] == pytest.approx(0.0857143, abs=1e-6)
