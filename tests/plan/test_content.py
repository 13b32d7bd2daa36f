from __future__ import annotations

import pytest

from pali3kit.config.component import Component
from pali3kit.data.source import SourceBase
from pali3kit.declared.entry import RegistryEntry
from pali3kit.plan import content
from pali3kit.plan.plain import component_json
from pali3kit.registry import SOURCE


def test_a_union_is_plain_in_digests_and_knows_the_content_of_its_parts(tmp_path):
    (tmp_path / "a.tsv").write_text("a cat\ta.png")
    options = {"path": str(tmp_path / "a.tsv"), "images": str(tmp_path), "filter": False}
    union = Component(name="union", options={"parts": {"a": Component(name="tsv", options=options)}})
    assert component_json(union) == {"name": "union", "parts": {"a": {"name": "tsv", **options}}}
    before = content.source_digest(union)
    assert before == content.source_digest(union) and before
    (tmp_path / "a.tsv").write_text("another cat\ta.png")
    content._content.cache_clear()
    assert content.source_digest(union) != before


def test_a_source_without_digest(monkeypatch):
    SOURCE.names()
    monkeypatch.setitem(SOURCE._entries, "silent", RegistryEntry("silent", SourceBase))
    assert content.source_digest(Component(name="silent")) == ""


def test_parts_in_another_order_are_other_content(tmp_path):
    """The images of the parts are concatenated, so features depend on their order."""
    for name in "ab":
        (tmp_path / f"{name}.tsv").write_text(f"a cat\t{name}.png")
    parts = {n: Component(name="tsv", options={"path": f"{tmp_path}/{n}.tsv", "images": str(tmp_path)}) for n in "ab"}
    turned = dict(reversed(parts.items()))
    one, other = (content.source_digest(Component(name="union", options={"parts": each})) for each in (parts, turned))
    assert one != other


@pytest.mark.parametrize("name", ["hf/google/siglip-base-patch16-224", "open_clip/RN50"])
def test_what_an_older_adapter_made_is_not_used(name, monkeypatch):
    """hf/'s ViTs pooled their class token, and open_clip's images were RGB before they were resized."""
    part = Component(name=name)
    assert content.image_weights_digest(part) != content.component_weights_digest(part) == ""
    before = content.image_weights_digest(part)
    monkeypatch.setitem(content.READINGS, name[: name.index("/") + 1], 3)
    assert content.image_weights_digest(part) != before
    assert (
        content.image_weights_digest(Component(name="vit"))
        == content.image_weights_digest(Component(name="timm/test_vit"))
        == ""
    )
