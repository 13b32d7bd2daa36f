"""What a source must supply: files, tasks, test images, masks, pairs and labels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import fakes
import pytest
from planned import changed, without_place

from pali3kit.config.check_data import check_data, check_files, check_pairs
from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.config.schema import Experiment
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import ConfigError
from pali3kit.registry import CAPTIONED, LABELLED, SOURCE

SET = RegistryEntry("set", "sets:Set", files=("path", "annotations", "test"), folders=("images", "v2"))
Cell = Callable[..., Experiment]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with `a.tsv`, `b.json` and `images/`, made current."""
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").touch()
    Path("b.json").touch()
    Path("images").mkdir()


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """The fake experiment on a source, with other values at dotted keys; SigLIP needs no labels."""

    def make(source: Component, **changes: Any) -> Experiment:
        return changed(fakes.experiment(tmp_path), {"data.source": source, **changes})

    return make


def captions(**options: Any) -> Component:
    return Component(name="tsv", options={"path": "a.tsv", "images": "images", "test": "a.tsv", **options})


def expressions(**options: Any) -> Component:
    return Component(name="refcoco", options={"path": "b.json", "images": "images", "test": "b.json", **options})


def faces() -> Component:
    return Component(name="fairface", options={"path": "a.tsv", "images": "images", "test": "a.tsv"})


def union(**parts: Component) -> Component:
    return Component(name="union", options={"parts": parts})


def asked(*benchmarks: str, **mixture: float) -> dict[str, Any]:
    return {"evaluate": list(benchmarks), "stages.multimodal.mixture": mixture or {"splitcap": 1.0}}


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (Component(name="world"), asked("vqav2", "refcoco", ocr=1.0)),
        (captions(), asked("coco", "probe")),
        (captions(), asked("xm3600", caption=1.0)),
        (union(a=captions()), {**asked("coco"), "data.tasks": {"coco": "a.caption"}}),
        (Component(name="folder", options={"path": "images"}), asked("probe", "knn")),
        (Component(name="text", options={"path": "a.tsv"}), asked("denoising")),
        (Component(name="a_plug_in", options={"path": "nowhere"}), asked("vqav2")),
        (captions(test=None), asked("probe")),  # no answers are asked for
        (
            Component(name="text", options={"path": "a.tsv"}),
            {**asked("denoising", "probe"), "stages.vision.source": Component(name="world")},
        ),
        (captions(), {**asked("coco"), "pretrain": "classif", "stages.vision.source": Component(name="world")}),
        (Component(name="world"), asked("mask_tokenizer")),
        (expressions(), {**asked("mask_tokenizer"), "pretrain": "random"}),
        (captions(), {**asked("mask_tokenizer"), "stages.mask_tokenizer.source": expressions()}),
    ],
)
def test_what_is_there(cell: Cell, source: Component, changes: dict[str, Any]) -> None:
    assert list(check_data(cell(source, **changes))) == []


@pytest.mark.parametrize(
    ("source", "changes", "key", "text"),
    [
        (captions(path="a.tvs"), asked("coco"), "data.source.path",
         "there is no file or folder 'a.tvs'. Did you mean 'a.tsv'?"),
        (captions(images="image"), asked("coco"), "data.source.images",
         "there is no folder 'image'. Did you mean 'images'?"),
        (union(a=captions(images="no/where")), asked("coco"), "data.source.parts.a.images",
         "there is no folder 'no/where'."),
        (union(), asked("probe"), "data.source.parts",
         "a union without parts has no images: name at least one source."),
        (captions(), {**asked("coco"), "data.tasks": {"coco": "describe"}}, "data.tasks.coco",
         "data.tasks.coco: task 'describe' has no texts to learn: 'coco', which has a transfer, needs another."),
        (union(a=captions(), f=faces()), asked("coco", splitcap=1.0, **{"f.describe": 1.0}),
         "stages.multimodal.mixture.f.describe",
         "task 'f.describe' has no texts to learn: leave it out of the mixture."),
        (union(w=Component(name="world")), asked("probe"), "data.source.parts.w",
         "data.source.parts.w: part 'w' of the union cannot be 'world', whose images are drawn without an end: a union "
         "joins sources that have a number of them, such as files."),
        (Component(name="folder", options={"path": "images"}), asked("knn", "vqav2"), "evaluate",
         "source 'folder' has images, labels and texts, no tasks: only finetune, knn, linear, probe, retrieval, "
         "zero_shot fit, not vqav2."),
        (Component(name="jsonl", options={"path": "b.json"}), asked("probe"), "evaluate",
         "source 'jsonl' has texts alone: only benchmark 'denoising' fits, not probe."),
        (captions(), asked("vqav2"), "evaluate",
         "source 'tsv' has no task 'vqa' for benchmark 'vqav2'. Choose from caption, caption_multilingual, "
         "span_corruption, splitcap."),
        (captions(), {**asked("coco"), "data.tasks": {"coco": "coco.caption"}}, "data.tasks.coco",
         "source 'tsv' has no task 'coco.caption' for benchmark 'coco'. Did you mean 'caption'?"),
        (captions(), asked("coco", splitcap=1.0, ocr=0.5), "stages.multimodal.mixture.ocr",
         "source 'tsv' has no task 'ocr'. Choose from caption, caption_multilingual, span_corruption, splitcap."),
        (captions(), {**asked("coco"), "stages.resolution.mixture": {"vqg": 1.0}}, "stages.resolution.mixture.vqg",
         "source 'tsv' has no task 'vqg'. Choose from caption, caption_multilingual, span_corruption, splitcap."),
        (captions(test=None), asked("coco"), "data.source",
         "benchmark 'coco' is measured on test images: name them, data.source.test."),
        (Component(name="records", options={"path": "b.json", "test": None, "test_split": None}), asked("coco"),
         "data.source",
         "benchmark 'coco' is measured on test images: name them, data.source.test or data.source.test_split."),
        (Component(name="world"), {**asked("refcoco"), "stages.mask_tokenizer.source": captions()},
         "stages.mask_tokenizer.source",
         "source 'tsv' has no masks of objects, which 'refcoco' needs: coco_instances, open_images, records and "
         "refcoco have."),
        (captions(), asked("mask_tokenizer"), "stages.mask_tokenizer.source",
         "source 'tsv' has no masks of objects, which 'mask_tokenizer' needs: coco_instances, open_images, records and "
         "refcoco have."),
        (Component(name="world"),
         {**asked("mask_tokenizer"), "stages.mask_tokenizer.source": expressions(test=None)},
         "stages.mask_tokenizer.source",
         "benchmark 'mask_tokenizer' is measured on test images: name them, stages.mask_tokenizer.source.test."),
        (Component(name="jsonl", options={"path": "b.json"}), asked("mask_tokenizer"), "evaluate",
         "source 'jsonl' has texts alone: only benchmark 'denoising' fits, not mask_tokenizer."),
        (captions(), {**asked("coco"), "pretrain": "classif"}, "data.source",
         "pretrain 'classif' needs labels: 'tsv' has none."),
        (expressions(), {**asked("refcoco"), "stages.multimodal.mixture": {"refer": 1.0}}, "data.source",
         "pretrain 'siglip' needs texts beside images: 'refcoco' has none; activitynet_captions, clips, coco_captions, "
         "msrvtt, pages, pairs, parquet, planted, records, rico_captions, tsv, vatex, videos, xm3600, folder have."),
        (union(a=expressions(), b=captions()), {**asked("coco"), "pretrain": "classif"}, "data.source",
         "pretrain 'classif' needs labels: 'union' has none."),
        (captions(), {**asked("coco"), "stages.mask_tokenizer.source": union(w=Component(name="world"))},
         "stages.mask_tokenizer.source.parts.w",
         "stages.mask_tokenizer.source.parts.w: part 'w' of the union cannot be 'world', whose images are drawn "
         "without an end: a union joins sources that have a number of them, such as files."),
        (captions(), {**asked("coco"), "stages.mask_tokenizer.source": union()},
         "stages.mask_tokenizer.source.parts",
         "a union without parts has no images: name at least one source."),
        (captions(), {**asked("coco"), "stages.vision.source": captions(images="image")},
         "stages.vision.source.images", "there is no folder 'image'. Did you mean 'images'?"),
        (Component(name="world"), {**asked("coco"), "pretrain": "classif", "stages.vision.source": captions()},
         "stages.vision.source", "pretrain 'classif' needs labels: 'tsv' has none."),
        (Component(name="world"), {**asked("coco"), "stages.vision.source": expressions()}, "stages.vision.source",
         "pretrain 'siglip' needs texts beside images: 'refcoco' has none; activitynet_captions, clips, coco_captions, "
         "msrvtt, pages, pairs, parquet, planted, records, rico_captions, tsv, vatex, videos, xm3600, folder have."),
        (Component(name="world"), {**asked("coco"), "pretrain": "classif",
                                   "stages.vision.source": Component(name="text", options={"path": "a.tsv"})},
         "stages.vision.source", "pretrain 'classif' needs labels: 'text' has none."),
        (Component(name="pairs", options={"path": "x.tar", "classes": 0, "test": "y.tar"}),
         {**asked("coco"), "pretrain": "classif"}, "data.source",
         "pretrain 'classif' needs labels: set the number of classes of 'pairs' (classes: N)."),
    ],
)  # fmt: skip
def test_what_is_not(cell: Cell, source: Component, changes: dict[str, Any], key: str, text: str) -> None:
    assert [(at, without_place(told)) for at, told in check_data(cell(source, **changes))] == [(key, text)]


def test_tasks_without_weight_need_not_be_there(cell: Cell) -> None:
    assert list(check_data(cell(captions(), **asked("coco", splitcap=1.0, ocr=0.0)))) == []


def test_a_plug_ins_benchmark_may_ask_for_a_task_by_another_name(cell: Cell, add_benchmark: Any) -> None:
    add_benchmark("nocaps", task="caption")
    assert list(check_data(cell(captions(), **asked("nocaps")))) == []


@pytest.mark.parametrize("source", [Component(name="world"), Component(name="a_plug_in")])
def test_a_plug_ins_benchmark_may_misspell_its_task(cell: Cell, add_benchmark: Any, source: Component) -> None:
    add_benchmark("strict", task="vqq")
    add_benchmark("detcet", task="detcet")
    assert list(check_data(cell(source, **asked("strict", "detcet")))) == [
        ("evaluate", f"source '{source.name}' has no task 'vqq' for benchmark 'strict'. Did you mean 'vqg'?"),
        ("evaluate", f"source '{source.name}' has no task 'detcet' for benchmark 'detcet'. Did you mean 'detect'?"),
    ]
    tasks = {"data.tasks": {"strict": "vqa", "detcet": "detect"}}
    assert list(check_data(cell(source, **asked("strict", "detcet"), **tasks))) == []


def test_the_line_of_a_benchmark_whose_task_is_misspelt_is_told(trial: Path, add_benchmark: Any) -> None:
    add_benchmark("strict", task="vqq")
    (trial / "x.yaml").write_text((trial / "x.yaml").read_text().replace("[probe, refcoco]", "[probe, strict]"))
    with pytest.raises(ConfigError, match=r"x\.yaml:8: source 'world' has no task 'vqq' for benchmark 'strict'\. Did"):
        load("x.yaml")


def test_a_plug_ins_benchmark_of_features_fits_folders(cell: Cell, add_benchmark: Any) -> None:
    add_benchmark("robust", scored="features", metric="")
    assert list(check_data(cell(Component(name="folder", options={"path": "images"}), **asked("robust")))) == []


@pytest.mark.parametrize(
    ("options", "globs", "keys"),
    [
        ({"path": "a.tsv"}, True, []),
        ({"path": "*.tsv"}, True, []),
        ({"path": "*.tsv"}, False, ["x.path"]),  # a set's are no patterns
        ({"path": "images", "images": "images"}, True, []),
        ({"path": "a.tsv", "images": "a.tsv"}, True, ["x.images"]),  # a file is no folder
        ({"path": None, "test": 3}, True, []),
        ({"path": "no", "annotations": "no", "v2": "no"}, True, ["x.path", "x.annotations", "x.v2"]),
    ],
)
def test_files_and_folders(options: dict[str, Any], globs: bool, keys: list[str]) -> None:
    assert [key for key, _ in check_files("x", Component(name="set", options=options), SET, globs)] == keys


def test_a_plug_in_may_declare_its_files(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    SOURCE.names()
    monkeypatch.setitem(SOURCE._entries, "drawn", RegistryEntry("drawn", "drawn:create", folders=("where",)))
    source = Component(name="drawn", options={"where": "image", "path": "nowhere"})
    told = ("data.source.where", "there is no folder 'image'. Did you mean 'images'?")
    assert list(check_data(cell(source, **asked("vqav2")))) == [told]


def test_what_sources_and_sets_declare_are_options_of_theirs() -> None:
    for entry in [*SOURCE.entries(), *LABELLED.entries(), *CAPTIONED.entries()]:
        known = {field.name for field in fields(entry.options)} if entry.options is not None else set()
        declared = {*entry.files, *entry.folders}
        assert declared <= known, entry.name
        if entry.built_in and entry.name != "pairs":  # shards have a grammar of their own
            assert ("path" in declared) == ("path" in known), entry.name


@pytest.mark.parametrize(
    ("data", "own", "keys"),
    [
        (Component(name="world"), None, []),
        (captions(), None, []),
        (expressions(), None, ["data.source"]),
        (expressions(), captions(), []),
        (captions(), expressions(), ["stages.lit.source"]),
        (captions(), captions(path="no"), ["stages.lit.source.path"]),
        (Component(name="text", options={"path": "a.tsv"}), None, ["data.source"]),
        (Component(name="folder", options={"path": "images"}), None, []),  # may have captions beside
    ],
)
def test_a_text_tower_learns_from_pairs(cell: Cell, data: Component, own: Component | None, keys: list[str]) -> None:
    assert [key for key, _ in check_pairs(cell(data, **{"stages.lit.source": own}))] == keys


VQA = ["grid={}", "baseline={}", "evaluate=[vqav2]", "stages.multimodal.mixture={splitcap: 1, ocr: 0, vqa: 1}"]


@pytest.fixture
def shapes(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SOURCE.names()
    monkeypatch.setitem(
        SOURCE._entries, "shapes", RegistryEntry("shapes", "shapes:create", annotations=("captions", "questions"))
    )


def test_own_records_need_neither_a_folder_nor_a_second_file(cell: Cell) -> None:
    options = {"path": "b.json", "images": None, "test": None, "test_split": "test"}
    own = Component(name="records", options=options)
    assert not [*check_data(cell(own, **asked("coco", "refcoco")))]
    assert not [*check_data(cell(union(own=own, more=captions(test=None)), **asked("coco")))]


def test_a_source_that_draws_needs_neither_files_nor_a_test_option(shapes: None) -> None:
    experiment = load("x.yaml", [*VQA, "data.source={name: shapes, path: of least resistance}"])
    assert experiment.data.source.options == {"path": "of least resistance"}


def test_it_has_the_tasks_that_it_tells_of(shapes: None) -> None:
    with pytest.raises(ConfigError, match=r"source 'shapes' has no task 'ocr'\. Choose from caption,"):
        load("x.yaml", [*VQA, "data.source=shapes", "stages.multimodal.mixture.ocr=1"])


def test_an_option_for_test_images_that_is_left_empty_is_told(shapes: None) -> None:
    with pytest.raises(ConfigError, match=r"measured on test images: name them, data\.source\.test"):
        load("x.yaml", [*VQA, "data.source={name: shapes, test: null}"])


def test_urls_are_judged_and_not_opened(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    good = captions(path="https://nowhere.invalid/a.tsv", images="s3://lab/images", test="memory://a.tsv")
    assert list(check_data(cell(good, evaluate=["loss"]))) == []
    told = list(check_data(cell(captions(path="htps://lab.org/a.tsv", images="gs://lab/images"), evaluate=["loss"])))
    assert told == [
        ("data.source.path", "data.source.path: unknown protocol 'htps' of 'htps://lab.org/a.tsv'."
                             " Did you mean 'https'?"),
        ("data.source.images", "data.source.images: 'gs://lab/images' cannot be opened without gcsfs: pip install"
                               " 'pali3kit[gs]'."),
    ]  # fmt: skip
    a_set = Component(name="dtd", options={"path": "s3://lab/dtd"})
    assert list(check_files("x", a_set, LABELLED.describe("dtd"), globs=False)) == [
        ("x.path", "x.path should be on this machine, not behind a URL: copy 's3://lab/dtd' to it.")
    ]
    shards = Component(name="pairs", options={"path": "https://me:pw@lab.org/{000..127}.tar"})
    [(key, text)] = list(check_data(cell(shards, evaluate=["loss"])))
    assert key == "data.source.path" and "has a user name or credentials" in text and "pw" not in text


def test_a_part_of_a_union_is_not_shuffled_by_windows(cell: Cell) -> None:
    """Each sample would be refused, and a hundred of them end the stage."""
    part = Component(name="pairs", options={"path": "s3://lab/a.tar", "window": 16})
    union = Component(name="union", options={"parts": {"a": part}})
    [problem] = [text for key, text in check_data(cell(union)) if key == "data.source.parts.a.window"]
    assert problem.startswith("a union shuffles all its images to pretrain an encoder")
