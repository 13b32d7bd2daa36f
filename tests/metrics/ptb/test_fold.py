import pytest

from pali3kit.metrics.ptb.fold import CAPITAL, DIGIT, FOLD, MARK, SMALL


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("aZ9 .é", f"aZ9 .{SMALL}"),
        ("Éß犬", CAPITAL + SMALL + SMALL),
        ("٣9", DIGIT + "9"),
        ("हिन्दी", SMALL + MARK + SMALL + MARK + SMALL + MARK),
        ("“½²—", "“½²—"),
        ("😀𝐀", "😀𝐀"),  # beyond the basic plane
        ("\u0528", "\u0528"),  # younger than Unicode 6.2
    ],
)
def test_each_kind_has_its_sign(text, folded):
    assert text.translate(FOLD) == folded
    assert len(text.translate(FOLD)) == len(text)
