from __future__ import annotations

import pytest
import torch

from pali3kit.errors import DataError
from pali3kit.masks.vqvae import MaskVQVAE, _Codebook


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MaskVQVAE(codes=8, code_width=12, width=2, blocks=1)


def masks(count: int) -> torch.Tensor:
    return (torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1)) > 0.5).float()


def convolution(before: int, after: int, kernel: int) -> int:
    return before * after * kernel**2 + after


@pytest.mark.parametrize(("width", "code_width", "blocks"), [(16, 512, 2), (4, 32, 1), (8, 64, 0)])
def test_parameters(width, code_width, blocks):
    """Counted by hand from paper.md §4.3; the codebook is a moving average, not a parameter."""
    w, top = width, 8 * width
    block = 2 * convolution(top, top, 3) + convolution(top, top, 1)
    encoder = sum(convolution(a, b, 4) for a, b in [(1, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, top)])
    decoder = sum(convolution(a, b, 4) for a, b in [(top, top), (top, 4 * w), (4 * w, 2 * w), (2 * w, w)])
    ends = convolution(top, code_width, 1) + convolution(code_width, top, 1) + convolution(w, 1, 1)
    model = MaskVQVAE(codes=128, code_width=code_width, width=width, blocks=blocks)
    assert sum(p.numel() for p in model.parameters()) == encoder + decoder + ends + 2 * blocks * block


def test_layers_are_numbered_as_in_the_public_weights():
    encoder, decoder = (
        sorted({key.split(".")[1] for key in MaskVQVAE(width=2).state_dict() if key.startswith(side)}, key=int)
        for side in ("encoder", "decoder")
    )
    assert encoder == ["0", "2", "4", "6", "8", "9", "10"]
    assert decoder == ["0", "2", "3", "4", "6", "8", "10", "12"]


def test_shapes_and_losses(model):
    output = model(masks(3))
    assert output.reconstruction.shape == (3, 1, 64, 64)
    assert output.codes.shape == (3, 16) and output.codes.dtype == torch.int64
    target = 2 * masks(3) - 1
    torch.testing.assert_close(output.reconstruction_loss, (output.reconstruction - target).square().mean())
    torch.testing.assert_close(output.loss, output.reconstruction_loss + output.commitment_loss)


def test_encode_and_decode_are_the_halves_of_forward(model):
    model.eval()
    with torch.no_grad():
        output = model(masks(3))
        torch.testing.assert_close(model.encode(masks(3)), output.codes)
        torch.testing.assert_close(model.decode(output.codes), output.reconstruction, atol=1e-5, rtol=1e-5)


def test_codes_are_in_row_major_order(model):
    """The code at row 1, column 3 of the 4x4 grid is number 7: changing it moves the output there and not far away."""
    model = MaskVQVAE(codes=8, code_width=12, width=2, blocks=0).eval()
    codes = torch.zeros(1, 16, dtype=torch.int64)
    other = codes.clone()
    other[0, 7] = 1
    with torch.no_grad():
        change = (model.decode(other) - model.decode(codes)).abs()[0, 0]
    assert change[16:32, 48:].sum() > 0
    assert change[48:].sum() == change[:, :16].sum() == 0


def test_commitment_is_a_quarter_of_the_mean_squared_distance(model):
    model.eval()
    vectors = model.encoder(2 * masks(2) - 1).movedim(1, -1)
    nearest = model.codebook.codes[torch.cdist(vectors.flatten(0, 2), model.codebook.codes).argmin(1)]
    expected = 0.25 * (vectors.flatten(0, 2) - nearest).square().mean()
    torch.testing.assert_close(model(masks(2)).commitment_loss, expected)


def test_straight_through(model):
    """The straight-through estimator: the encoder's output gets the decoder's gradient at the codes."""
    model.eval()
    kept = {}
    model.encoder.register_forward_hook(lambda module, inputs, output: kept.update(encoded=output))
    model.encoder[-1].register_forward_hook(lambda module, inputs, output: output.retain_grad())
    output = model(masks(2))
    output.reconstruction_loss.backward()
    quantised = model.codebook(output.codes.view(2, 4, 4)).movedim(-1, 1).requires_grad_()
    (model.decoder(quantised) - (2 * masks(2) - 1)).square().mean().backward()
    torch.testing.assert_close(kept["encoded"].grad, quantised.grad, atol=1e-7, rtol=1e-4)
    assert all(p.grad.abs().sum() > 0 for p in model.encoder.parameters())


def test_commitment_pulls_the_encoder_only(model):
    model.eval()
    model(masks(2)).commitment_loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.encoder.parameters())
    assert all(p.grad is None for p in model.decoder.parameters())


def test_the_codebook_moves_in_training_mode_only(model):
    before = {name: buffer.clone() for name, buffer in model.codebook.named_buffers()}
    model.eval()(masks(2))
    assert all((buffer == before[name]).all() for name, buffer in model.codebook.named_buffers())
    model.train()(masks(2))
    assert all((buffer != before[name]).any() for name, buffer in model.codebook.named_buffers())


def test_nearest_by_hand():
    book = _Codebook(3, 2)
    book.codes.copy_(torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 10.0]]))
    assert book.nearest(torch.tensor([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 4.9], [1.0, 9.0]]])).tolist() == [[0, 1], [0, 2]]


def test_moving_average_by_hand():
    book = _Codebook(2, 1, decay=0.9, epsilon=0.5)
    book.codes.copy_(torch.tensor([[2.0], [-4.0]]))
    book.sums.copy_(book.codes)
    book.update(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 0]))
    # sizes .9 + .1*3 and .9; sums .9*2 + .1*9 and .9*-4; both smoothed: (size + .5) / (2.1 + 2*.5) * 2.1
    torch.testing.assert_close(book.sizes, torch.tensor([1.2, 0.9]))
    torch.testing.assert_close(book.sums, torch.tensor([[2.7], [-3.6]]))
    smoothed = torch.tensor([[1.7], [1.4]]) / 3.1 * 2.1
    torch.testing.assert_close(book.codes, torch.tensor([[2.7], [-3.6]]) / smoothed)


def test_under_autocast_the_codebook_counts_and_compares_in_fp32(model):
    """Bf16 has no 257, and rounds these vectors more coarsely than the difference of the two codes."""
    book = _Codebook(2, 1, decay=0.5)
    book.codes.copy_(torch.tensor([[1.0], [1.002]]))
    with torch.autocast("cpu", torch.bfloat16):
        assert book.nearest(torch.tensor([[1.0], [1.002]])).tolist() == [0, 1]
        book.update(torch.full((511, 1), 2.0, dtype=torch.bfloat16), torch.zeros(511, dtype=torch.int64))
        output = model(masks(3))
    assert book.sizes.tolist() == [256.0, 0.5]
    output.loss.backward()
    assert output.loss.dtype == torch.float32 and model.codebook.codes.dtype == torch.float32


@pytest.mark.parametrize("spread", [1.0, 0.1])
def test_codes_start_normal_with_the_given_spread(spread):
    codes = MaskVQVAE(width=2, spread=spread).codebook.codes
    assert codes.shape == (128, 512)
    assert float(codes.std()) == pytest.approx(spread, rel=0.02)
    assert abs(float(codes.mean())) < 0.02 * spread


def test_an_unused_code_stays():
    book = _Codebook(4, 3)
    start = book.codes.clone()
    for _ in range(50):
        book.update(torch.full((8, 3), 0.5), torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(book.codes[1:], start[1:], rtol=1e-3, atol=1e-3)
    kept = 0.99**50
    mean = (kept * start[0] + (1 - kept) * 8 * 0.5) / (kept + (1 - kept) * 8)
    torch.testing.assert_close(book.codes[0], mean, rtol=1e-3, atol=1e-3)


def test_it_learns_half_planes():
    torch.manual_seed(0)
    halves = torch.zeros(4, 1, 64, 64)
    halves[0, :, :32] = halves[1, :, 32:] = halves[2, :, :, :32] = halves[3, :, :, 32:] = 1
    model = MaskVQVAE(codes=16, code_width=2, width=4, blocks=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(100):
        optimizer.zero_grad()
        model(halves).loss.backward()
        optimizer.step()
    model.eval()
    assert ((model.decode(model.encode(halves)) > 0) == (halves > 0.5)).float().mean() > 0.98, "0.5 is chance"


def test_equal_seeds_give_equal_training(model):
    def train() -> torch.Tensor:
        torch.manual_seed(3)
        model = MaskVQVAE(codes=8, code_width=12, width=2, blocks=1)
        model(masks(2))
        return model.codebook.codes

    assert (train() == train()).all()


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (2, 3, 64, 64), (2, 64, 64)])
def test_other_shapes_are_refused(model, shape):
    with pytest.raises(DataError, match=r"masks must be \[B, 1, 64, 64\]"):
        model(torch.zeros(shape))


def test_other_numbers_of_codes_are_refused(model):
    with pytest.raises(DataError, match="16 codes, not 15"):
        model.decode(torch.zeros(2, 15, dtype=torch.int64))
