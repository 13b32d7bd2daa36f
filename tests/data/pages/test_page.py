import pytest

from pali3kit.data.pages.page import Page, PageKind, PrintedWord, ask
from pali3kit.data.pages.pages import PAGE


def test_a_question_accepts_its_answer_first():
    question = ask("what is the total?", "$3.20", "text", "3.20")
    assert (question.answer, question.answers, question.kind) == ("$3.20", ("$3.20", "3.20"), "text")


def test_pages_and_words_cannot_be_changed():
    word = PrintedWord("Total", (1, 2, 3, 4))
    with pytest.raises(AttributeError):
        word.text = "Sum"
    with pytest.raises(AttributeError):
        Page("form", "train", 0, 128, None, (), ()).size = 3


def test_kinds_are_found_with_their_summaries():
    kinds = PAGE.all()
    assert {"form", "receipt", "table", "letter", "poster", "cover", "sign"} <= {kind.name for kind in kinds}
    assert all(isinstance(kind, PageKind) and kind.summary for kind in kinds)
