"""The gallery: images embedded once, regions as vectors, predictions as text and nothing else."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.report.html import _draw_images, page


def show(report, images):
    """The page's embedded images, and its section of examples."""
    html = page(report, {"seconds": 0.0, "stages": []}, images)
    section = re.search(r"<section><h2>Examples</h2>(.*?)</section>", html, re.DOTALL)
    return html[html.index("<defs>") : html.index("</defs>")], section[1] if section else ""


def gallery(report, images):
    return show(report, images)[1]


def test_images_come_from_the_source_and_survive_embedding(report):
    images = _draw_images(report)
    assert sorted(images) == [("", 5, 64), ("", 15, 64), ("", 25, 64), ("", 35, 64)]
    html, _ = show(report, images)
    (data,) = re.findall(r'id="image-15-64".*?base64,([^"]+)', html)
    expected = SOURCE.build("doodles", image_size=64).image("test", 15)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), expected)


def test_what_was_measured_on_larger_images_is_drawn_on_these(report):
    """After stage 2 boxes and masks are in its pixels."""
    larger = replace(report, gallery=(report.gallery[0], replace(report.gallery[0], size=96)))
    images = _draw_images(larger)
    index = report.gallery[0].images[0]
    assert {key: image.width for key, image in images.items()} == {("", index, 64): 64, ("", index, 96): 96}
    html = gallery(larger, images)
    assert f'href="#image-{index}-96"' in html and 'viewBox="0 0 96 96"' in html


def test_a_photograph_is_embedded_small_and_drawn_at_its_size(report):
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 3000, 3), np.uint8))
    html, _ = show(report, {("", 5, 64): photograph})
    assert 'width="3000" height="1500"' in html
    (data,) = re.findall(r'base64,([^"]+)', html)
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (640, 320)


def test_a_image_that_is_gone_leaves_its_answers(report, monkeypatch):
    source = SOURCE.build("doodles", image_size=64)

    def image(self, split, index):
        if index == 15:
            raise DataError("image 15: no such file")
        return draw(self, split, index)

    draw = type(source).image
    monkeypatch.setattr(type(source), "image", image)
    images = _draw_images(report)
    assert sorted(images) == [("", 5, 64), ("", 25, 64), ("", 35, 64)]
    assert "siglip says" in gallery(report, images) and 'href="#image-15-64"' not in gallery(report, images)


def test_every_image_is_embedded_once_and_used_often(report):
    images = _draw_images(report)
    assert show(report, images)[0].count("data:image/png") == 4
    assert gallery(report, images).count('href="#image-5-64"') > 5


def test_predictions_are_text_and_nothing_else(report):
    html = gallery(report, _draw_images(report))
    assert "<script" not in html
    assert "siglip says &lt;script&gt;alert(5)&lt;/script&gt;" in html


def test_answers_are_marked_and_captions_only_scored(report):
    by_title = dict(re.findall(r"<h3>(.*?)</h3>(.*?)(?=<h3>|$)", gallery(report, _draw_images(report)), re.DOTALL))
    assert '<span class="right">✓</span>' in by_title["doodles/textvqa"]
    assert '<span class="wrong">✗</span>' in by_title["doodles/textvqa"]
    assert "✓" not in by_title["doodles/coco"]
    assert 'class="score"' in by_title["doodles/coco"]
    assert "Scores: VQA accuracy, %; ✓ from 50 on." in by_title["doodles/textvqa"]
    assert "Scores: CIDEr × 100." in by_title["doodles/coco"]
    assert "Scores: mIoU × 100." in by_title["doodles/refcoco"]


def test_the_page_says_that_no_answer_was_looked_at_in_choosing(report):
    assert "chosen by their place alone" in gallery(report, {})


def test_boxes_and_masks_are_drawn_where_they_are(report):
    html = gallery(report, _draw_images(report))
    assert '<rect class="box" x="13" y="10" width="22" height="20"/>' in html  # asked for, image 5
    assert '<rect class="box" x="16" y="12" width="18" height="16"/>' in html  # SigLIP's answer
    assert "M16 12h18v1h-18z" in html
    assert "no valid box: <bdi>&lt;loc&gt;</bdi>" in html


def test_without_images_the_texts_remain(report):
    html = gallery(report, {})
    assert "<use" not in html
    assert "siglip says" in html


def test_all_images_of_an_example_are_shown_in_their_order(report):
    clip = replace(report.gallery[0], images=(7, 3, 9, 5), region=None)
    several = replace(report, gallery=(clip,))
    images = _draw_images(several)
    assert sorted(index for _, index, _ in images) == [3, 5, 7, 9]
    html = gallery(several, images)
    assert re.findall(r'<figure><svg class="image " .*?href="#image-(\d+)-64"', html) == ["7", "3", "9", "5"]
    assert 'class="texts"' in html and "siglip says" in html
