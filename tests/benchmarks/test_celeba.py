"""CelebA: from its files to gaps of log-perplexity between images of women and men, by hand."""

from __future__ import annotations

from typing import Any

from pali3kit.config.parity import Parity
from pali3kit.evals.scores import Answered
from pali3kit.evals.scoring import score
from pali3kit.report.slices import slice_table


def test_from_files_to_gaps(put: Any, measured: Any) -> None:
    names = [f"00000{number}.jpg" for number in range(1, 6)]
    rows = "".join(f"{name}  1 {sex}  -1\n" for name, sex in zip(names, (-1, 1, -1, 1, 1), strict=True))
    put("celeba/list_attr_celeba.txt", f"5\nSmiling Male Young\n{rows}")
    put("celeba/list_eval_partition.txt", "".join(f"{name} {2 * (name != names[4])}\n" for name in names))
    for shade, name in enumerate(names):
        put(f"celeba/img_align_celeba/{name}", shade)
    faces = measured("celeba")
    assert [int(image[0, 0, 0]) for image in faces.images] == [0, 1, 2, 3]
    pairs = [(2.0, 5.0), (3.0, 4.0), (1.0, 4.0), (4.0, 2.0)]
    rated = [{"nurse": nurse, "pilot": pilot} for nurse, pilot in pairs]
    parity = Parity(texts=["nurse", "pilot"])
    answered = Answered(faces.examples, [""] * 4, faces.source, None, 32, parity=parity, log_perplexities=rated)
    result = score("celeba", answered)
    assert result.extra["gap/nurse"] == 1.5 - 3.5 and result.extra["gap/pilot"] == 4.5 - 3
    assert result.value == -0.25 and result.extra["mean size of the gaps"] == 1.75
    scored = [(each.attributes, row["score"]) for each, row in zip(faces.examples, result.details, strict=True)]
    table = slice_table(scored, "gender", ("gender",), {}, 2, False)
    assert [(each.value, each.n, each.mean) for each in table.slices] == [("Female", 2, 3), ("Male", 2, 3.25)]
