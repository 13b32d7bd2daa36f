import re

import numpy as np
import pytest

from pali3kit.data.world import captions, names, vocabulary


def test_captions_repeat_for_the_same_random_state(scenes):
    for language in ("en", "ja"):
        first, second = (
            [captions.sample_caption(scene, language, np.random.default_rng(3)) for scene in scenes[:20]]
            for _ in range(2)
        )
        assert first == second


def test_captions_vary(image):
    rng = np.random.default_rng(0)
    assert len({captions.sample_caption(image, "en", rng) for _ in range(200)}) > 50


def test_english_captions_are_lower_case_short_and_name_only_what_is_there(scenes, classes):
    rng = np.random.default_rng(0)
    for scene in scenes:
        text = captions.sample_caption(scene, "en", rng)
        assert text == text.lower()
        assert len(text.split()) <= captions.MAX_WORDS
        assert any(vocabulary.noun(thing.emoji)[:3] in text for thing in scene.things)
        missing = {vocabulary.noun(emoji) for emoji in classes} - {vocabulary.noun(t.emoji) for t in scene.things}
        present = [n for n in missing if re.search(rf"\b{n}\b", text)]
        assert all(any(n in vocabulary.noun(thing.emoji) for thing in scene.things) for n in present), text


def test_four_of_five_captions_mention_a_printed_word(scenes):
    rng = np.random.default_rng(0)
    signed = [scene for scene in scenes if scene.signs]
    for language in ("en", "fr"):
        said = [
            any(sign.word in captions.sample_caption(scene, language, rng) for sign in scene.signs)
            for scene in signed * 3
        ]
        assert np.mean(said) == pytest.approx(captions.WORD_SHARE, abs=0.06)


def test_counts(flock):
    assert captions.references(flock, "en")[0] == "three ducks"


def test_english_references_are_five_and_complete(scenes):
    for scene in scenes:
        texts = captions.references(scene, "en")
        assert len(texts) == 5
        assert texts == captions.references(scene, "en")
        for text in texts:
            for thing in scene.things:
                assert vocabulary.noun(thing.emoji)[:-1] in text or "men" in text or "ies" in text, text
        for sign in scene.signs:
            assert sum(sign.word in text for text in texts) == 3


@pytest.mark.parametrize("language", [one for one in names.LANGUAGES if one != "en"])
def test_other_languages_name_everything_three_times(scenes, language):
    for scene in scenes[:40]:
        texts = captions.references(scene, language)
        assert len(texts) == 3
        for text in texts:
            assert all(names.in_language(language).lower_name(thing.emoji) in text for thing in scene.things)
        opening, closing = names.in_language(language).quotes
        for sign in scene.signs:
            assert [f"{opening}{sign.word}{closing}" in text for text in texts] == [True, False, True]


def test_a_list_in_french(image):
    assert captions.references(image, "fr")[0] == "tortue, poire et «bako»"


@pytest.mark.parametrize(
    ("text", "language", "units"),
    [
        ("礼帽和“bako”", "zh", "礼 帽 和 bako"),
        ("犬、「dafo2」", "ja", "犬 dafo2"),
        ("ปลาตัวใหญ่", "th", "ป ล า ตั ว ใ ห ญ่"),
        ("un chat, « bako »", "fr", "un chat, « bako »"),
        ("", "zh", ""),
    ],
)
def test_tokenized_splits_only_languages_without_spaces(text, language, units):
    assert captions.tokenized(text, language) == units


def test_counts_are_words_and_substances_are_not_counted():
    assert captions._counted("cat", 1) == "a cat"
    assert captions._counted("cat", 2) == "two cats"
    assert captions._counted("popcorn", 2) == "popcorn"


def test_step_list():
    assert [captions._join_with_and(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
