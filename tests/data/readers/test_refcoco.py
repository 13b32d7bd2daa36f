"""RefCOCO's three sets in the REFER package's files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import FileServer

from pali3kit.data.readers.coco_instances import _CocoInstancesReader
from pali3kit.data.readers.refcoco import _create, _RefCocoReader, _RefCocoSource
from pali3kit.data.readers.refs import _read_plain_pickle, find_sets, held_out_images, read_refs
from pali3kit.data.task import held_out
from pali3kit.data.union import UnionSource
from pali3kit.errors import DataError

from .conftest import CAT, DOG

Write = Callable[..., Path]
OTHERS = [{**CAT, "id": number, "image_id": image} for number, image in ((21, 7), (22, 10), (23, 11))]


def ref(annotation: int, image: int, split: str, *said: str) -> dict[str, Any]:
    sentences = [{"tokens": text.split(), "raw": text, "sent_id": i, "sent": text} for i, text in enumerate(said)]
    return {
        "ref_id": annotation, "ann_id": annotation, "image_id": image, "split": split, "category_id": 17,
        "sent_ids": list(range(len(said))), "file_name": f"COCO_train2014_{image:012}_0.jpg", "sentences": sentences,
    }  # fmt: skip


REFS = {
    "refcoco/refs(unc).p": [
        ref(11, 9, "train", "left cat", "cat on the left"),
        ref(21, 7, "val", "cat", "the cat"),
        ref(22, 10, "train", "right cat"),
    ],
    "refcoco+/refs(unc).p": [ref(12, 9, "train", "brown dog"), ref(21, 7, "val", "grey cat")],
    "refcocog/refs(umd).p": [
        ref(11, 9, "train", "a cat that sleeps"),
        ref(22, 10, "test", "a cat"),
        ref(23, 11, "val", "x"),
    ],
}  # fmt: skip


@pytest.fixture
def refer(tmp_path: Path, write_instances: Write) -> Callable[..., Path]:
    """The folder of the REFER package, with the sets of `REFS` or others."""

    def write(refs: dict[str, list[dict[str, Any]]] = REFS, protocol: int = 2) -> Path:
        for path, content in refs.items():
            write_instances(CAT, DOG, *OTHERS, path=f"data/{path.split('/')[0]}/instances.json")
            (tmp_path / "data" / path).write_bytes(pickle.dumps(content, protocol))
        (tmp_path / "images").mkdir(exist_ok=True)
        return tmp_path / "data"

    return write


def reader(folder: Path, split: str = "train", **options: Any) -> _RefCocoReader:
    return _RefCocoReader(str(folder), str(folder.parent / "images"), split, **options)


def test_the_combined_training_set_has_no_test_images(refer: Callable[..., Path]) -> None:
    combined = reader(refer())
    assert len(combined) == 1  # 7 and 11 are validated on; 10, which RefCOCO trains on, is RefCOCOg's test
    record = combined.record(0)
    assert record.size == (6, 8) and record.name.endswith("refcoco/refs(unc).p: image 9")
    cat, dog = record.things
    assert cat.expressions == ("left cat", "cat on the left", "a cat that sleeps") and dog.expressions == ("brown dog",)
    assert (cat.label, cat.box, dog.label) == ("cat", (1, 2, 3, 6), "dog")


def test_sets_behind_a_url(refer: Callable[..., Path], server: FileServer) -> None:
    folder = refer()
    url = server.serve(folder, "refer")
    assert set(find_sets(url)) == set(find_sets(str(folder)))
    for split, instances in (("train", None), ("val", None), ("val", "refcoco/instances.json")):
        given = [{"instances": f"{root}/{instances}"} if instances else {} for root in (url, folder)]
        there, here = _RefCocoReader(url, url, split, **given[0]), reader(folder, split, **given[1])
        found = [[each.record(number).things for number in range(len(each))] for each in (there, here)]
        told = [[(one.label, one.box, one.expressions) for [one, *_] in things] for things in found]
        assert told[0] == told[1] and told[0]
    without = _CocoInstancesReader(f"{url}/refcoco/instances.json", url, without=url)
    assert len(without) == len(_CocoInstancesReader(f"{folder}/refcoco/instances.json", str(folder), str(folder))) > 0
    with pytest.raises(DataError, match=f"{server.url}/images has none of refcoco"):
        find_sets(f"{server.url}/images")


def test_test_records_are_expressions_one_set_after_another(refer: Callable[..., Path]) -> None:
    flat = reader(refer(), "val")
    said = [flat.record(number).things[0].expressions for number in range(len(flat))]
    assert said == [("cat",), ("the cat",), ("grey cat",), ("x",)]
    assert [flat.places(task) for task in ("refer", "refer_plus", "refer_g")] == [
        range(2),
        range(2, 3),
        range(3, 4),
    ]


def test_each_task_uses_its_own_set(refer: Callable[..., Path]) -> None:
    folder = str(refer())
    source = _create(folder, str(Path(folder).parent / "images"), test=folder)
    assert source.size("test") == 4
    for task, prompts in {"refer": ["cat", "the cat"], "refer_plus": ["grey cat"], "refer_g": ["x"]}.items():
        examples = held_out(source.task(f"{task}_only", 9), "test", 4, 100, seed=0)
        assert [example.prompt for example in examples] == [f"detect: {text} <extra_id_0>" for text in prompts]
        assert all(e.mask is not None and e.target == "1 2 4 6" and e.box == (1, 2, 3, 6) for e in examples)
    with pytest.raises(DataError, match=r"test examples 2 to 2 .*, but data.test is 2: raise it"):
        held_out(source.task("refer_plus_only", 9), "test", 2, 100, seed=0)
    trained = source.task("refer", 9).draw("train", 0, np.random.default_rng(1))
    assert trained is not None and trained.prompt in {
        f"detect: {text} <extra_id_0>" for text in ("left cat", "cat on the left", "a cat that sleeps", "brown dog")
    }
    assert set(source.sentences(0, 9)) | set(source.held_out(9)) == {
        "cat, dog", "left cat", "cat on the left", "a cat that sleeps", "brown dog",
    }  # fmt: skip


def test_as_a_part_of_a_union(refer: Callable[..., Path]) -> None:
    folder = str(refer())
    options = {"name": "refcoco", "path": folder, "images": str(Path(folder).parent / "images"), "test": folder}
    source = UnionSource({"refs": options})
    assert [e.prompt for e in held_out(source.task("refer_plus_only", 9), "test", 4, 9, seed=0)] == [
        "detect: grey cat <extra_id_0>"
    ]


def test_one_file_of_instances_for_all_sets(refer: Callable[..., Path], write_instances: Write) -> None:
    folder = refer()
    for file in folder.glob("*/instances.json"):
        file.unlink()
    whole = write_instances(CAT, DOG, *OTHERS, path="instances_train2014.json")
    assert len(reader(folder, instances=str(whole))) == 1
    with pytest.raises(DataError, match=r"there is no file .*refcoco/instances.json"):
        len(reader(folder))


def test_missing_splits_and_sets(refer: Callable[..., Path], tmp_path: Path) -> None:
    folder = refer()
    with pytest.raises(DataError, match=r"no expression in the split 'tset'. Did you mean 'test'"):
        len(reader(folder, "tset"))
    source = _create(str(folder), str(tmp_path / "images"), test=str(folder), test_split="test")
    assert isinstance(source, _RefCocoSource)
    with pytest.raises(DataError, match=r"refcoco/refs\(unc\).p has no expression in the split 'test'"):
        source.task("refer_only", 9)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has none of refcoco/refs\(unc\).p, refcoco\+/refs\(unc\).p, refcocog"):
        reader(tmp_path / "empty")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ann_id": 99}, r"refs\[0\]: 'ann_id' 99 is not in .*refcoco/instances.json"),
        ({"image_id": 10}, r"refs\[0\]: 'image_id' 10 is 9 in .*refcoco/instances.json"),
        ({"split": None}, r"refs\[0\]: 'split' should be a text, not nothing"),
        ({"split": "trian"}, r"refs\[0\]: there is no split 'trian'. Did you mean 'train'"),
        ({"ann_id": None}, r"refs\[0\]: 'ann_id' should be a whole number or a name, not nothing"),
        ({"image_id": float("nan")}, r"refs\[0\]: 'image_id' should be a whole number or a name, not the number nan"),
        ({"sentences": [{"snet": "cat"}]}, r"refs\[0\]: sentences\[0\]: no field 'sent'. Did you mean 'snet'"),
        ({"sentences": "cat"}, r"refs\[0\]: 'sentences' should be a list, not the text 'cat'"),
    ],
)
def test_malformed_fields_are_errors(change: dict[str, Any], expected: str, refer: Callable[..., Path]) -> None:
    folder = refer({"refcoco/refs(unc).p": [{**ref(11, 9, "train", "cat"), **change}]})
    with pytest.raises(DataError, match=rf"refs\(unc\).p: {expected}"):
        len(reader(folder))


class Harmful:
    """Pickles that would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("harm"), "done")


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_can_do_nothing(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([Harmful()], protocol))
    with pytest.raises(DataError, match=r"not a pickle .*: it would load .*; only plain containers are read"):
        _read_plain_pickle(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol(protocol: int, refer: Callable[..., Path]) -> None:
    assert len(reader(refer(protocol=protocol), "val")) == 4


def test_texts_of_python_2(tmp_path: Path) -> None:
    """Its pickles have strings as bytes in any encoding."""
    path = tmp_path / "refs(unc).p"
    path.write_bytes(b"(lp0\nS'caf\\xc3\\xa9'\np1\naS'\\xff'\np2\naVcaf\\u00e9\np3\na.")
    assert _read_plain_pickle(path) == ["café", "\ufffd", "café"]


@pytest.mark.parametrize(("content", "expected"), [(b"", "Ran out of input"), (b"\x80\x02]q", ""), (b"no pickle", "")])
def test_files_that_are_not_pickles(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "refs(unc).p"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"refs\(unc\).p: not a pickle of plain containers: .*{expected}"):
        _read_plain_pickle(path)


def test_references_must_be_a_list(refer: Callable[..., Path]) -> None:
    folder = refer()
    (folder / "refcoco/refs(unc).p").write_bytes(pickle.dumps({"refs": []}))
    with pytest.raises(DataError, match=r"refs\(unc\).p: this should be a list, not a mapping"):
        len(reader(folder))


def held_out_ids(folder: Path) -> frozenset[int | str]:
    return held_out_images({path: read_refs(path) for path in find_sets(str(folder)).values()})


def test_coco_objects_without_held_out_images(refer: Callable[..., Path], tmp_path: Path) -> None:
    folder = refer()
    file = str(folder / "refcoco/instances.json")
    assert held_out_ids(folder) == {7, 10, 11}
    whole = _CocoInstancesReader(file, str(tmp_path))
    spared = _CocoInstancesReader(file, str(tmp_path), str(folder))
    assert len(whole) == 4 and [spared.record(n).name.rpartition(": ")[2] for n in range(len(spared))] == ["image 9"]
    assert len(spared.files) == 4  # what is left out is part of what it is


def test_googles_split_replaces_a_missing_file(refer: Callable[..., Path]) -> None:
    google = {"refcoco+/refs(google).p": [ref(12, 9, "train", "brown dog")],
              "refcocog/refs(google).p": [ref(21, 7, "val", "x")]}  # fmt: skip
    own = {"refcoco/refs(unc).p": [ref(11, 9, "train", "left cat")],
           "refcoco/refs(google).p": [ref(11, 9, "val", "never")]}  # fmt: skip
    folder = refer({**google, **own})
    assert {task: path.name for task, path in reader(folder).sets.items()} == {
        "refer": "refs(unc).p", "refer_plus": "refs(google).p", "refer_g": "refs(google).p",
    }  # fmt: skip
    assert [thing.expressions for thing in reader(folder).record(0).things] == [("left cat",), ("brown dog",)]
    assert reader(folder, "val").places("refer_g") == range(1)
    assert held_out_ids(folder) == {7}


def test_references_with_duplicate_ids_are_all_kept(refer: Callable[..., Path]) -> None:
    """Nothing refers to them by these ids."""
    refs = [{**ref(number, 9, "train", "a", "b"), "ref_id": 0} for number in (11, 12)]
    for entry in refs:
        entry["sentences"] = [{**sentence, "sent_id": 0} for sentence in entry["sentences"]]
    things = reader(refer({"refcoco/refs(unc).p": refs})).record(0).things
    assert [thing.expressions for thing in things] == [("a", "b"), ("a", "b")]


def test_a_referenced_annotation_must_be_unique(refer: Callable[..., Path], write_instances: Write) -> None:
    folder = refer({"refcoco/refs(unc).p": [ref(11, 9, "train", "cat")]})
    write_instances(CAT, {**DOG, "id": 11}, path="data/refcoco/instances.json")
    with pytest.raises(DataError, match=r"'ann_id' 11 is the id of .*annotations\[0\] and .*annotations\[1\]"):
        len(reader(folder))


def test_blank_expressions_are_skipped(refer: Callable[..., Path]) -> None:
    flat = reader(refer({"refcoco/refs(unc).p": [ref(11, 9, "val", " ", "cat", ""), ref(12, 9, "val", "\n")]}), "val")
    assert len(flat) == 1 and flat.record(0).things[0].expressions == ("cat",)
    assert [damage.partition(": ")[2] for damage in flat.damages] == [
        "refs[0]: sentences[0]: a blank expression is left out, one of 3"
    ]


def test_a_bad_reference_is_reported_and_its_image_not_trained_on(refer: Callable[..., Path]) -> None:
    refs = [ref(11, 9, "train", f"cat {n}") for n in range(200)]
    refs += [{**ref(99, 10, "val", "lost")}, ref(22, 10, "train", "right cat")]
    combined = reader(refer({"refcoco/refs(unc).p": refs}))
    assert len(combined) == 1 and len(combined.record(0).things[0].expressions) == 200
    assert len(combined.damages) == 1 and "refs[200]: 'ann_id' 99 is not in " in combined.damages[0]


@pytest.mark.parametrize("there", ["COCO_train2014_000000000009.jpg", "000000000009.jpg"])
def test_names_of_both_releases_are_one_image(
    there: str, refer: Callable[..., Path], write_instances: Write, image: Callable[..., Path]
) -> None:
    folder = refer({"refcoco/refs(unc).p": [ref(11, 9, "train", "cat")]})
    entry = {"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": 6, "width": 8}
    write_instances(CAT, path="data/refcoco/instances.json", images=[entry])
    image(folder.parent / "images" / there)
    assert reader(folder).record(0).read_image()
