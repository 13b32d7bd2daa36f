from collections import Counter

import numpy as np

from pali3kit.data.pages.diagrams import FORMS, sample_diagram
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.pages import Pages

PAGES = Pages(["diagram"])
FOUND = {split: [PAGES.page(split, "diagram", index).facts for index in range(200)] for split in ("train", "test")}


def test_forms_and_letters_are_equally_frequent():
    forms = Counter(facts.form for facts in FOUND["train"])
    assert set(forms) == set(FORMS) and min(forms.values()) > 25
    assert 70 < sum(facts.lettered for facts in FOUND["train"]) < 130


def test_labels_colours_and_icons_tell_parts_apart():
    for facts in FOUND["train"]:
        assert 4 <= len(facts.labels) <= 6
        assert len(set(facts.labels)) == len(set(facts.colours)) == len(facts.labels)
        assert not facts.icons or len(set(facts.icons)) == len(facts.labels)


def test_every_part_of_a_web_has_an_arrow_upwards_or_is_on_top():
    for facts in FOUND["train"]:
        if facts.form != "web":
            continue
        top = min(y for y, _ in facts.places)
        for number, (y, _) in enumerate(facts.places):
            above = [end for start, end in facts.arrows if start == number]
            assert bool(above) == (y > top)
            assert all(facts.places[end][0] < y for end in above)
        assert len(set(facts.arrows)) == len(facts.arrows)


def test_cycles_pass_each_stage_once_and_run_both_ways():
    ways = Counter()
    for facts in FOUND["train"]:
        if facts.form == "cycle":
            following = dict(facts.arrows)
            assert sorted(following) == sorted(following.values()) == list(range(len(facts.labels)))
            ways[following[0]] += following[0] in (1, len(facts.labels) - 1)
    assert ways[1] > 10 and ways.total() - ways[1] > 10


def test_splits_share_neither_names_nor_layouts():
    words = {
        split: {
            word
            for facts in found
            for word in (*facts.labels, facts.layout)
            if not facts.lettered or word == facts.layout
        }
        for split, found in FOUND.items()
    }
    assert not words["train"] & words["test"]
    assert len({facts.title for facts in FOUND["test"]}) > 100


def test_a_diagram_is_a_function_of_its_random_numbers():
    first, second = (sample_diagram(Lexicon("train"), np.random.default_rng(3).random, size) for size in (128, 256))
    assert first == second
