"""The encoder's attention: five backends, one result."""

from __future__ import annotations

import logging

import pytest
import torch

from pali3kit.errors import ConfigError
from pali3kit.language import attention
from pali3kit.language.attention import BACKENDS, encoder_attention
from pali3kit.language.layers import RelativeBias

HERE = [name for name in BACKENDS if name not in ("xformers", "flex")]  # no gradients or no kernel on CPUs


def attended(backend: str, length: int = 40, gradients: bool = True) -> list[torch.Tensor]:
    """The result and, if asked for, the gradients of query, key, value and the bias table."""
    generator = torch.Generator().manual_seed(0)
    relative = RelativeBias(3, buckets=8, max_distance=16, bidirectional=True)
    with torch.no_grad():
        relative.table.weight.copy_(torch.randn(8, 3, generator=generator))
    inputs = [torch.randn(2, 3, length, 4, generator=generator, requires_grad=True) for _ in range(3)]
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, length // 2 :] = False
    if not gradients:
        with torch.no_grad():
            return [encoder_attention(backend, relative, mask, torch.float32)(*(x.detach() for x in inputs))]
    result = encoder_attention(backend, relative, mask, torch.float32)(*inputs)
    (result * torch.randn(result.shape, generator=generator)).sum().backward()
    return [result.detach(), *(x.grad for x in (*inputs, relative.table.weight))]


@pytest.mark.parametrize("backend", [*HERE, "auto"])
def test_all_give_the_same_results_and_gradients(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "CHUNK", 7 * 2 * 3 * 40 * 4)  # seven rows at a time: the last chunk is short
    for ours, expected in zip(attended(backend), attended("eager"), strict=True):
        torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


def test_flex_gives_the_same_result() -> None:
    torch.testing.assert_close(attended("flex", gradients=False)[0], attended("eager")[0], atol=2e-5, rtol=1e-4)


def test_a_large_bias_is_never_materialised(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(attention, "MAX_BIAS", 1)
    monkeypatch.setattr(attention, "_whole", None)  # fails if the whole matrix is computed
    attention._log_once.cache_clear()
    with caplog.at_level(logging.INFO, logger=attention.__name__):
        attended("auto")
    assert caplog.messages == ["encoder attention: chunked (a bias of 0 MiB is computed in chunks of rows)"]


@pytest.mark.parametrize("length", [5, 8])
def test_rows_of_a_bias_for_xformers_are_aligned(length: int) -> None:
    bias = torch.randn(2, 3, length, length, requires_grad=True)
    aligned = attention._aligned(bias)
    assert torch.equal(aligned, bias) and aligned.requires_grad
    assert aligned.stride(-2) % 8 == 0 and aligned.stride(-1) == 1


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("xformers", "xformers has no attention for cpu"),
        ("flex", "flex attention has no gradients on cpu"),
        ("flux", "no attention is called 'flux'. Did you mean 'flex'"),
    ],
)
def test_backends_that_cannot_run_are_refused(backend: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        attended(backend)
