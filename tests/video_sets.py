"""Tiny sets in the layouts of those of Table 5: two videos to train on and two to test on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clips import write_clip

TRAIN, TEST = (1, 2), (3, 4)
CAPTIONS = {
    1: ("a man walks home", "someone goes home"), 2: ("the dog runs fast", "a dog is running"),
    3: ("two girls play chess", "girls are playing"), 4: ("an old car stops here", "the car has stopped"),
}  # fmt: skip


def write_video_sets(root: Path) -> None:
    """Write all sets of Table 5 below a root."""
    for number in TRAIN + TEST:
        clip = write_clip(root / f"clips/{number}.mp4", 20)
        for name in (
            f"msrvtt/videos/video{number}.mp4", f"vatex/videos/AbC_{number}_000000_000001.mp4",
            f"activitynet/videos/v_x{number}.mp4", f"smit/videos/{number}.mp4", f"nextqa/videos/{number}.mp4",
        ):  # fmt: skip
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(clip)
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        for name, content in {
            **_msrvtt(split, numbers),
            **_activitynet(split, numbers),
            **_others(split, numbers),
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content if isinstance(content, str) else json.dumps(content))


def _msrvtt(split: str, numbers: tuple[int, ...]) -> dict[str, object]:
    videos = [
        {"id": n, "video_id": f"video{n}", "category": 9, "url": "https://x", "start time": 1.5, "end time": 3.5,
         "split": split} for n in numbers
    ]  # fmt: skip
    sentences = [
        {"sen_id": 10 * n + which, "video_id": f"video{n}", "caption": text}
        for n in numbers for which, text in enumerate(CAPTIONS[n])
    ]  # fmt: skip
    questions = [
        {"id": n, "question": f"what is in {n}?", "answer": CAPTIONS[n][0].split()[1], "video_id": n, "category_id": 1}
        for n in numbers
    ]
    name = "train_val" if split == "train" else "test"
    file = {"info": {}, "videos": videos, "sentences": sentences}
    return {f"msrvtt/{name}_videodatainfo.json": file, f"msrvtt/{split}_qa.json": questions}


def _activitynet(split: str, numbers: tuple[int, ...]) -> dict[str, object]:
    captions = {
        f"v_x{n}": {"duration": 2.0, "timestamps": [[0.0, 1.0], [1.5, 0.5]],
                    "sentences": [text if n % 2 else f" {text}" for text in CAPTIONS[n]]} for n in numbers
    }  # fmt: skip
    questions = [
        {"video_name": f"x{n}", "question": "is it moving", "question_id": f"v_x{n}_{k}"}
        for n in numbers
        for k in (1, 2)
    ]
    answers = [
        {"answer": "yes" if k == 1 else "two", "type": 3 if k == 1 else 7, "question_id": f"v_x{n}_{k}"}
        for n in reversed(numbers) for k in (1, 2)
    ]  # fmt: skip
    name = "train" if split == "train" else "val_2"
    return {
        f"activitynet/captions/{name}.json": captions,
        f"activitynet/qa/{split}_q.json": questions, f"activitynet/qa/{split}_a.json": answers,
    }  # fmt: skip


def _others(split: str, numbers: tuple[int, ...]) -> dict[str, object]:
    vatex = [{"videoID": f"AbC_{n}_000000_000001", "enCap": list(CAPTIONS[n]), "chCap": ["一"]} for n in numbers]
    smit = "".join(json.dumps({"video": f"{n}.mp4", "caption": CAPTIONS[n][0]}) + "\n" for n in numbers)
    rows = [
        row for n in numbers
        for row in (f"{n},20,64,32,is there a dog,no,0,DB", f'{n},20,64,32,"how many, in all",two,1,DC',
                    f"{n},20,64,32,who moves,puppy,2,TP")
    ]  # fmt: skip
    name = "training_v1.0" if split == "train" else "public_test_english_v1.1"
    second = {str(n): {"0": "no", "1": "2", "2": "dog"} for n in numbers[:1]}
    return {
        f"vatex/vatex_{name}.json": vatex, f"smit/{split}.jsonl": smit,
        f"nextqa/{split}.csv": "\n".join(["video,frame_count,width,height,question,answer,qid,type", *rows]) + "\n",
        f"nextqa/add_reference_answer_{split}.json": second,
    }  # fmt: skip
