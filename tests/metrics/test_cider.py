import json
import math
import shutil
from pathlib import Path

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics.cider import CIDEr, cider, whitespace

OFFICIAL = json.loads((Path(__file__).parent / "data" / "cider_pycocoevalcap.json").read_text(encoding="utf-8"))
PREDICTIONS = [image["prediction"] for image in OFFICIAL["images"]]
REFERENCES = [image["references"] for image in OFFICIAL["images"]]


def test_equals_recorded_scores_of_pycocoevalcap():
    score, each = cider(PREDICTIONS, REFERENCES)
    assert score == pytest.approx(OFFICIAL["score"], abs=1e-9)
    assert each == pytest.approx([image["score"] for image in OFFICIAL["images"]], abs=1e-9)
    assert 0 in each and max(each) > 1


def official(predictions, references):
    """The corpus score and each image's, by pycocoevalcap with its own tokenizer."""
    if not shutil.which("java"):
        pytest.skip("no Java here to run the official tokenizer")
    scorer = pytest.importorskip("pycocoevalcap.cider.cider", reason="pip install --no-deps pycocoevalcap")
    tokenize = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer").PTBTokenizer().tokenize
    truth = {i: [{"caption": c} for c in captions] for i, captions in enumerate(references)}
    guess = {i: [{"caption": c}] for i, c in enumerate(predictions)}
    score, each = scorer.Cider().compute_score(tokenize(truth), tokenize(guess))
    return float(score), each.tolist()


def test_equals_pycocoevalcap_on_adversarial_captions():
    score, each = cider(PREDICTIONS, REFERENCES)
    truth, all_truth = official(PREDICTIONS, REFERENCES)
    assert score == pytest.approx(truth, abs=1e-9)
    assert each == pytest.approx(all_truth, abs=1e-9)


@pytest.mark.parametrize("languages", ["en", "other"])
def test_equals_pycocoevalcap_on_captions_of_the_world(languages):
    np = pytest.importorskip("numpy")
    from pali3kit.data.world import LANGUAGES, World, captions

    world, rng = World(), np.random.default_rng(0)
    chosen = ["en"] * 60 if languages == "en" else [code for code in LANGUAGES if code != "en"] * 2
    scenes = [world.scene("test", i) for i in range(len(chosen))]
    predictions = [captions.sample_caption(s, code, rng) for s, code in zip(scenes, chosen, strict=True)]
    references = [captions.references(s, code) for s, code in zip(scenes, chosen, strict=True)]
    score, each = cider(predictions, references)
    truth, all_truth = official(predictions, references)
    assert score == pytest.approx(truth, abs=1e-9) and score > 0.1
    assert each == pytest.approx(all_truth, abs=1e-9)


def test_a_case_by_hand():
    # "a b" against its own text; df of each n-gram is 1 of 2 images: both orders that exist have cosine 1
    score, each = cider(["a b", "z"], [["a b"], ["c d e"]], tokenize=whitespace)
    assert each == pytest.approx([10 * 2 / 4, 0.0])
    assert score == pytest.approx(2.5)


def test_length_is_counted_in_bigrams():
    corpus = [["a"], ["b"]]
    _, (one, _) = cider(["a", "b"], corpus, tokenize=whitespace)
    _, (longer, _) = cider(["a x", "b"], corpus, tokenize=whitespace)
    unigram_cosine = math.log(2) / math.hypot(math.log(2), math.log(2))
    assert one == pytest.approx(10 / 4)
    assert longer == pytest.approx(10 / 4 * unigram_cosine * math.exp(-1 / 72))


def test_an_explicit_corpus_makes_a_part_comparable_with_the_whole():
    _, whole = cider(PREDICTIONS, REFERENCES)
    _, part = cider(PREDICTIONS[:1], REFERENCES[:1], document_frequency=REFERENCES)
    assert part == pytest.approx(whole[:1])


def test_one_image_is_refused():
    with pytest.raises(DataError, match=r"CIDEr of 1 image is 0 for any prediction.*document_frequency"):
        cider(["a dog"], [["a dog"]])


def test_unequal_lengths_and_missing_references_are_refused():
    with pytest.raises(DataError, match="1 for 2 images"):
        cider(["a"], [["a"], ["b"]])
    with pytest.raises(DataError, match="image 1 of 2 has none"):
        cider(["a", "b"], [["a"], []])


def test_the_metric_equals_the_function_over_updates():
    metric = CIDEr(tokenize=whitespace)
    predictions, references = ["a café", "日本 x\n\u2028y", ""], [["a café b"], ["日本 x", "y"], ["c d"]]
    metric.update(predictions[:2], references[:2])
    metric.update([], [])
    metric.update(predictions[2:], references[2:])
    assert metric.compute().item() == pytest.approx(cider(predictions, references, tokenize=whitespace)[0])
