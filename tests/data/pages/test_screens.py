from collections import Counter

import pytest

from pali3kit.data.pages.pages import Pages
from pali3kit.data.pages.screens import FORMS
from pali3kit.data.pages.widgets import WIDGETS


@pytest.fixture(scope="module")
def screens():
    pages = Pages(["screen"])
    return [pages.page(split, "screen", index).facts for split in ("train", "test") for index in range(200)]


def test_all_forms_and_widgets_occur(screens):
    forms = Counter(screen.form for screen in screens)
    assert set(forms) == set(FORMS) and min(forms.values()) > 20
    assert {widget.kind for screen in screens for widget in screen.widgets} == set(WIDGETS)


def test_widgets_lie_on_the_screen_and_apart(screens):
    for screen in screens:
        left, right = screen.sides
        boxes = [widget.box for widget in screen.widgets if widget.kind != "dialog"]
        for number, (y0, x0, y1, x1) in enumerate(boxes):
            assert 10 <= y0 < y1 <= 128 and left <= x0 < x1 <= right, (screen.form, screen.widgets)
            for other in boxes[number + 1 :]:
                high, wide = (min(y1, other[2]) - max(y0, other[0]), min(x1, other[3]) - max(x0, other[1]))
                assert high <= 1 or wide <= 0, (screen.form, screen.widgets)


def test_buttons_of_a_dialog_lie_on_it(screens):
    for screen in screens:
        for panel in screen.of_kind("dialog"):
            for button in screen.of_kind("button"):
                assert panel.box[0] < button.box[0] < button.box[2] < panel.box[2]
                assert panel.box[1] < button.box[1] < button.box[3] < panel.box[3]


def test_one_tab_is_selected(screens):
    for screen in screens:
        tabs = screen.of_kind("tab")
        assert not tabs or (len(tabs) == 3 and sum(tab.on for tab in tabs) == 1)
        assert screen.title.startswith(screen.app)
