import re
from collections import Counter

import numpy as np
import pytest

from pali3kit.data.world import english, names, questions, vocabulary
from pali3kit.data.world.scene import Scene

DIRECTIONS = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}


def ask_all(ask, scenes, seed=0, **options):
    rng = np.random.default_rng(seed)
    return [(scene, question) for scene in scenes if (question := ask(scene, rng, **options))]


@pytest.fixture(scope="module")
def asked(scenes, classes):
    return [*ask_all(questions.vqa, scenes * 3, absent=classes), *ask_all(questions.vqa, scenes)]


@pytest.fixture(scope="module")
def known(scenes):
    return ask_all(questions.knowledge, scenes * 3)


def place_of(scene: Scene, words: str) -> tuple[float, float]:
    """The position of the one thing or sign that the words name."""
    boxes = [thing.box for thing in scene.things if f"the {vocabulary.noun(thing.emoji)}" == words]
    boxes += [sign.box for sign in scene.signs if words in ("the sign", f"the {sign.colour} sign")]
    assert len(boxes) == 1, words
    y0, x0, y1, x1 = boxes[0]
    return (y0 + y1) / 2, (x0 + x1) / 2


def lies(place, relation, mark):
    """The simple interpretation: farther to that side than to any other."""
    uy, ux = DIRECTIONS[relation]
    dy, dx = place[0] - mark[0], place[1] - mark[1]
    return dy * uy + dx * ux > 0 and dy * uy + dx * ux >= abs(dy * ux) + abs(dx * uy)


def pointed_at(scene: Scene, where: str) -> list[int]:
    """All things that fit "on the red disc" or "left of the pear"; signs count as -1."""
    if disc := re.fullmatch(r"on the (\w+) disc", where):
        return [i for i, thing in enumerate(scene.things) if thing.tile == disc[1]]
    relation, words = re.fullmatch(r"(left of|right of|above|below) (the .+)", where).groups()
    mark = place_of(scene, words)
    found = [i for i, thing in enumerate(scene.things) if thing.centre != mark and lies(thing.centre, relation, mark)]
    centres = [((s.box[0] + s.box[2]) / 2, (s.box[1] + s.box[3]) / 2) for s in scene.signs]
    return found + [-1 for centre in centres if centre != mark and lies(centre, relation, mark)]


def test_at_least_four_of_ten_annotators_give_the_answer_and_none_more_often(asked, known, scenes):
    for _, question in [*asked, *known, *ask_all(questions.reading, scenes)]:
        assert len(question.answers) == questions.ANNOTATORS
        counts = Counter(question.answers)
        assert counts[question.answer] >= questions.MIN_AGREEING
        assert counts[question.answer] >= counts.most_common(1)[0][1] or counts[question.answer] > 4, question


def test_annotators_disagree_now_and_then(asked):
    assert 0.3 < np.mean([len(set(question.answers)) > 1 for _, question in asked]) < 0.8


def test_the_same_random_state_asks_the_same(scenes, classes):
    first, second = (ask_all(questions.vqa, scenes[:50], seed=4, absent=classes) for _ in range(2))
    assert first == second


def test_all_kinds_are_asked(asked):
    shares = Counter(question.kind for _, question in asked)
    assert set(shares) == {"object", "colour", "number", "yes/no"}
    assert min(shares.values()) > 0.1 * len(asked)


def test_object_questions_point_at_one_thing(asked):
    checked = [(s, q, q.text.removeprefix("what is ").rstrip("?")) for s, q in asked if q.kind == "object"]
    assert checked
    for scene, question, where in checked:
        (index,) = pointed_at(scene, where)
        assert vocabulary.noun(scene.things[index].emoji) == question.answer


def test_colour_questions_are_true(asked):
    for scene, question in asked:
        if question.kind != "colour":
            continue
        what = question.text.removeprefix("what colour is ").rstrip("?")
        if what == "the background":
            expected = [scene.background]
        elif what == "the sign":
            expected = [sign.colour for sign in scene.signs]
        else:
            noun = what.removeprefix("the disc under the ")
            expected = [thing.tile for thing in scene.things if vocabulary.noun(thing.emoji) == noun]
        assert expected == [question.answer], question


def test_numbers_are_true(asked):
    for scene, question in asked:
        if question.kind != "number":
            continue
        what = question.text.removeprefix("how many ").removesuffix(" are there?")
        if what == "discs":
            expected = sum(thing.tile is not None for thing in scene.things)
        elif what == "objects":
            assert not scene.signs
            expected = len(scene.things)
        else:
            expected = sum(english.plural(vocabulary.noun(thing.emoji)) == what for thing in scene.things)
        assert question.answer == str(expected), question


def test_presence_is_true_and_balanced(asked):
    answers = []
    for scene, question in asked:
        match = re.fullmatch(r"(?:is|are) there (?:an? )?(.+)\?", question.text)
        if match:
            there = match[1] in {vocabulary.noun(thing.emoji) for thing in scene.things}
            assert question.answer == ("yes" if there else "no"), question
            answers.append(there)
    assert len(answers) > 40
    assert 0.35 < np.mean(answers) < 0.65


def test_discs_and_relations_are_true_and_balanced(asked):
    answers = []
    pattern = r"(?:is|are) (the .+?) (on an? (\w+) disc|(left of|right of|above|below) (the .+))\?"
    for scene, question in asked:
        match = re.fullmatch(pattern, question.text)
        if not match:
            continue
        noun = match[1].removeprefix("the ")
        (thing,) = (thing for thing in scene.things if vocabulary.noun(thing.emoji) == noun)
        truth = thing.tile == match[3] if match[3] else lies(thing.centre, match[4], place_of(scene, match[5]))
        assert question.answer == ("yes" if truth else "no"), question
        answers.append(truth)
    assert len(answers) > 60
    assert 0.35 < np.mean(answers) < 0.65


def test_without_a_vocabulary_presence_is_not_asked(scenes):
    assert not any(" there a" in question.text for _, question in ask_all(questions.vqa, scenes))


def test_knowledge_never_says_the_name_and_answers_what_is_known(known):
    texts = [question.text for _, question in known]
    assert sum(text.startswith("what kind") for text in texts) > 50
    assert sum(text.endswith("associated with?") for text in texts) > 50
    for scene, question in known:
        kind_of = question.text.startswith("what kind")
        start, end = ("what kind of thing is ", "?") if kind_of else ("what is the thing ", " associated with?")
        (index,) = pointed_at(scene, question.text.removeprefix(start).removesuffix(end))
        emoji = scene.things[index].emoji
        assert question.kind == "knowledge"
        if kind_of:
            assert question.answer == vocabulary.kind(emoji)
        else:
            assert set(question.answers) <= {word.lower() for word in names.english_keywords(emoji)}


def test_reading_asks_for_a_printed_word_of_the_right_sign(scenes):
    asked = ask_all(questions.reading, scenes)
    assert len(asked) > 0.5 * len(scenes)
    for scene, question in asked:
        fitting = [
            s.word for s in scene.signs if f"the {s.colour} sign" in question.text or "the sign" in question.text
        ]
        assert fitting == [question.answer], question


def test_reading_has_nothing_to_ask_without_a_sign(flock):
    assert questions.reading(flock, np.random.default_rng(0)) is None


def test_a_single_thing_without_a_disc_cannot_be_identified(flock):
    alone = Scene("train", 0, 64, "noto", "red", "plain", flock.things[:1], ())
    assert questions.knowledge(alone, np.random.default_rng(0)) is None


def test_object_aware_questions_are_true(scenes, classes):
    forms = Counter()
    for scene, question in ask_all(questions.object_aware, scenes, absent=classes):
        present = {vocabulary.noun(thing.emoji) for thing in scene.things}
        if question.text == "what objects are in the image?":
            forms["list"] += 1
            assert question.answer == ", ".join(sorted(present))
        elif match := re.fullmatch(r"which of (.+) are in the image\?", question.text):
            forms["which"] += 1
            assert question.answer == ", ".join(noun for noun in match[1].split(", ") if noun in present)
            assert question.answer and set(match[1].split(", ")) - present
        else:
            match = re.fullmatch(r"(?:is|are) (?:an? )?(.+) in the image\?", question.text)
            forms[question.answer] += 1
            assert question.answer == ("yes" if match[1] in present else "no"), question
    assert min(forms[form] for form in ("list", "which", "yes", "no")) > 30
    unaided = ask_all(questions.object_aware, scenes[:30])
    assert {question.text for _, question in unaided} == {"what objects are in the image?"}


def test_a_blind_guesser_gains_little(asked):
    """The most frequent answer to each opening of a question."""
    by_opening: dict[str, Counter] = {}
    for _, question in asked:
        by_opening.setdefault(" ".join(question.text.split()[:2]), Counter())[question.answer] += 1
    hits = sum(answers.most_common(1)[0][1] for answers in by_opening.values())
    assert hits < 0.45 * len(asked)
