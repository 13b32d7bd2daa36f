"""The loss over ranks, with gathered texts and around a ring, equals that on one device."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pali3kit.losses.sigmoid import sigmoid_loss

sys.path.insert(0, str(Path(__file__).parent))

from sigmoid_rank import OVER_RANKS, WIDTH, WORLD, Found, Towers, trained, value_and_gradients

BATCH = 12  # pairs, shared by 1, 2, 3 and 4 ranks
WHOLE = slice(None)
over_ranks = pytest.mark.parametrize("how", OVER_RANKS)
ranks_of_groups = pytest.mark.parametrize("ranks", range(1, WORLD + 1))


@pytest.fixture(scope="module")
def batch() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    image, text = (torch.randn(BATCH, WIDTH, generator=generator, dtype=torch.float64) * 3 for _ in range(2))
    return [image, text, *(torch.tensor(x, dtype=torch.float64) for x in (math.log(10.0), -2.5))]


@pytest.fixture(scope="module")
def found(batch: list[Tensor], tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """The findings of each rank."""
    folder, script = tmp_path_factory.mktemp("ranks"), Path(__file__).with_name("sigmoid_rank.py")
    torch.save(batch, folder / "batch.pt")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=300)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


def together(parts: list[list[Tensor]]) -> list[Tensor]:
    """Loss and gradients of all ranks as DDP and FSDP average them."""
    losses, images, texts, scales, biases = map(list, zip(*parts, strict=True))
    count = len(parts)
    means = [torch.stack(each).mean() for each in (losses, scales, biases)]
    return [means[0], torch.cat(images) / count, torch.cat(texts) / count, *means[1:]]


@over_ranks
@ranks_of_groups
def test_equals_one_device_in_loss_and_gradients(found: list[Found], batch: list[Tensor], how: str, ranks: int) -> None:
    parts = [one[how, ranks] for one in found[:ranks]]
    expected = value_and_gradients(sigmoid_loss, batch, WHOLE)
    torch.testing.assert_close(together([one["fp64"] for one in parts]), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(torch.stack([one["no_grad"] for one in parts]).mean(), expected[0], rtol=1e-10, atol=0)
    rounded = value_and_gradients(sigmoid_loss, [x.float() for x in batch], WHOLE, bfloat16=True)
    # gradients of the embeddings are rounded to bfloat16, here before they are averaged
    torch.testing.assert_close(together([one["bf16"] for one in parts]), rounded, rtol=2**-7, atol=1e-6)


@ranks_of_groups
def test_two_collectives_or_a_hop_for_each_rank(found: list[Found], ranks: int) -> None:
    hops = {"send": ranks, "recv_": ranks} if ranks > 1 else {}
    for one in found[:ranks]:
        assert one["gather", ranks]["collectives"] == {"_allgather_base_": 1, "_reduce_scatter_base_": 1}
        assert one["gather", ranks]["collectives without gradients"] == {"_allgather_base_": 1}
        assert one["ring", ranks]["collectives"] == one["ring", ranks]["collectives without gradients"] == hops


@over_ranks
def test_equals_open_clip(found: list[Found], how: str) -> None:
    for one in found:
        torch.testing.assert_close(one[how, WORLD]["fp64"], one[how]["open_clip"], rtol=1e-10, atol=1e-10)


@over_ranks
def test_weights_after_some_steps_of_ddp_and_fsdp(found: list[Found], how: str) -> None:
    start = {name: x.clone() for name, x in Towers().named_parameters()}
    expected, rounded = (trained(Towers(), sigmoid_loss, WHOLE, autocast) for autocast in (False, True))
    for one in found:
        torch.testing.assert_close(one[how]["ddp"], expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(one[how]["fsdp"], expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(one[how]["ddp bf16"], rounded, rtol=0, atol=0.02)
    assert all((expected[name] - x).abs().max() > 0.1 for name, x in start.items())  # they moved


@over_ranks
def test_what_is_saved_does_not_grow_with_the_ranks(found: list[Found], how: str) -> None:
    for one in found:
        part = 480 // WORLD * WIDTH
        assert max(one[how, WORLD]["saved"]) <= part and sum(one[how, WORLD]["saved"]) < 12 * part


@over_ranks
def test_unequal_ranks_are_refused_by_all(found: list[Found], how: str) -> None:
    text = "Every rank needs as many pairs of one width: images are [2, 4], [3, 4], [2, 4], [3, 4]."
    assert [one[how].get("refused") for one in found] == [text] * WORLD


@over_ranks
def test_unpaired_batches_are_refused(how: str) -> None:
    with pytest.raises(ValueError, match=r"images \[3, 4\], texts \[2, 4\]"):
        OVER_RANKS[how](torch.zeros(3, 4), torch.zeros(2, 4), torch.zeros(()), torch.zeros(()))
