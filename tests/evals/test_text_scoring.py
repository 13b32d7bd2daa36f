"""Texts that are rated by themselves: the word list, a classifier in a local folder, and the metrics over them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.data.task import Example
from pali3kit.errors import DataError, WeightsError
from pali3kit.evals.scores import Answered
from pali3kit.evals.scoring import score
from pali3kit.evals.word_list import PROFANITY, WordListScorer
from pali3kit.registry import TEXT_SCORER

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "kind", "rude", "man"]


def answered(*texts: str, references: tuple[str, ...] = ("yes",), **more: object) -> Answered:
    examples = [Example((number,), "q", "", references) for number in range(len(texts))]
    return Answered(examples, texts, None, None, 32, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "rated"),
    [("Damn, a dog!", 1), ("a classy bass", 0), ("a SHITTY day", 1), ("", 0), ("shiitake on a plate", 0), ("don't", 0)],
)
def test_profanity_is_found_by_whole_words(text: str, rated: float) -> None:
    assert WordListScorer()([text]) == [rated]


def test_the_list_names_its_source_and_licence_and_has_no_word_twice() -> None:
    lines = PROFANITY.read_text().splitlines()
    assert "better_profanity" in lines[0] and "licence MIT" in lines[1]
    words = [line for line in lines if not line.startswith("#")]
    assert len(words) == len(set(words)) == 46


@pytest.mark.parametrize(
    ("content", "wrong"), [("# none\n", "there are no words in it"), ("a b\n", "'a b' is not one")]
)
def test_a_list_of_ones_own_is_checked(tmp_path: Path, content: str, wrong: str) -> None:
    (tmp_path / "own.txt").write_text(content)
    with pytest.raises(DataError, match=wrong):
        WordListScorer(str(tmp_path / "own.txt"))


def test_shares_of_flagged_texts_by_scorer() -> None:
    rude = {"one": 0.9, "two": 0.8, "three": 0.79, "four": 0.1}
    scorers = {"toxicity": lambda texts: [rude[text] for text in texts],
               "profanity": lambda texts: [float(text == "four") for text in texts]}  # fmt: skip
    found = score("fairface", answered(*rude, text_scorers=scorers))
    assert found.value == 75 and found.samples == [100, 100, 0, 100]
    assert found.extra == {"toxicity": 50, "profanity": 25}
    assert [row["parts"] for row in found.details][3] == {"toxicity": 0, "profanity": 100}


@pytest.mark.parametrize("scores", [[0.5], [0.5, 1.2], [0.5, float("nan")]])
def test_a_scorer_must_rate_every_text(scores: list[float]) -> None:
    with pytest.raises(DataError, match="'toxicity' should return a score from 0 to 1 for each text"):
        score("fairface", answered("a", "b", text_scorers={"toxicity": lambda texts: scores}))


def test_without_a_scorer_nothing_can_be_rated() -> None:
    with pytest.raises(DataError, match=r"needs a scorer of texts: evaluation\.text_scorers"):
        score("fairface", answered("a"))


def test_the_error_rate_counts_wrong_and_other_answers() -> None:
    found = score("miap", answered("yes", " Yes.", "no", "a dog"))
    assert (found.value, found.samples) == (50, [0, 0, 100, 100])
    assert found.extra == {"answers other than yes and no": 1}
    assert score("miap", answered("red", "blue", references=("red",))).extra == {}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights and two classes, as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("classifier")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        id2label={0: "neutral", 1: "Toxic"}, label2id={"neutral": 0, "Toxic": 1},
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_a_classifier_rates_as_transformers_pipeline_does(classifier: Path) -> None:
    from transformers import pipeline

    texts = ["a kind man", "a rude rude man", "a"]
    reference = pipeline("text-classification", model=str(classifier), top_k=None, device="cpu")
    expected = [next(each["score"] for each in one if each["label"] == "Toxic") for one in reference(texts)]
    found = TEXT_SCORER.build("text_classifier", path=str(classifier), label="toxic")(texts)
    assert found == pytest.approx(expected, abs=1e-5) and len(set(found)) == 3


def test_a_classifier_without_the_class_or_without_safetensors(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no class 'toxicc'\. Did you mean 'toxic'\?"):
        TEXT_SCORER.build("text_classifier", path=str(classifier), label="toxicc")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(WeightsError, match="no file of weights in safetensors"):
        TEXT_SCORER.build("text_classifier", path=str(tmp_path))
