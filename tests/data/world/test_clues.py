import pytest

from pali3kit.data.world import clues


@pytest.mark.parametrize(
    ("centre", "relation", "verdict"),
    [
        ((30, 10), "left of", clues.CLEARLY),
        ((30, 10), "right of", clues.NOT),
        ((10, 30), "above", clues.CLEARLY),
        ((50, 30), "below", clues.CLEARLY),
        ((16, 20), "left of", clues.ARGUABLY),  # more above than left
        ((2, 28), "left of", clues.NOT),  # all but straight above
        ((30, 27), "left of", clues.ARGUABLY),  # too near to be sure
    ],
)
def test_relations_are_clear_arguable_or_false(centre, relation, verdict):
    assert clues.lies(centre, relation, (30, 30), 64) == verdict


@pytest.mark.parametrize("relation", clues.RELATIONS)
def test_opposite_relations_never_hold_together(relation):
    for centre in ((0, 0), (20, 31), (31, 20), (60, 3)):
        held = clues.lies(centre, relation, (30, 30), 64), clues.lies(centre, clues.OPPOSITE[relation], (30, 30), 64)
        assert clues.NOT in held


def test_only_needs_certainty_that_nothing_else_is_meant():
    sure, doubtful = clues.Clue("cat", 0b01, 0b01), clues.Clue("cat", 0b01, 0b11)
    assert clues.only(0, [sure])
    assert not clues.only(1, [sure])
    assert not clues.only(0, [doubtful])
    assert clues.only(0, [doubtful, clues.Clue("big", 0b01, 0b01)])


def test_clues_of_a_flock(flock):
    left, right, low = flock.things
    assert clues.named(flock, left) == clues.Clue("duck", 0b111, 0b111)
    assert clues.of_kind(flock, left) == clues.Clue("bird", 0b111, 0b111)
    assert clues.sized(flock, low) == clues.Clue("big", 0b100, 0b100)
    assert clues.tiled(flock, right) == clues.Clue("on the red disc", 0b010, 0b010)
    assert clues.tiled(flock, left) is None


def test_outermost_needs_a_clear_winner(flock):
    everything = 0b111
    assert clues.outermost(flock, everything, "left") == 0
    assert clues.outermost(flock, everything, "right") == 1
    assert clues.outermost(flock, everything, "bottom") == 2
    assert clues.outermost(flock, everything, "top") is None
    assert clues.outermost(flock, 0b001, "left") is None


def test_places_say_where_something_is(flock):
    found = {clue.words: clue.fits for clue in clues.places(flock)}
    assert found["in the top left corner"] == 0b001
    assert found["at the bottom"] == 0b100
    assert "in the bottom left corner" not in found


def test_landmarks_have_names_of_their_own(picture, flock):
    assert [mark.words for mark in clues.landmarks(picture)] == [
        "the turtle",
        "the pear",
        "the yellow sign",
        "the sign",
    ]
    assert clues.landmarks(flock) == []


def test_related_finds_what_lies_beside_a_landmark(picture):
    turtle = clues.landmarks(picture)[0]
    assert clues.related(picture, turtle) == [clues.Clue("right of the turtle", 0b10, 0b10)]
