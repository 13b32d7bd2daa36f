"""What is said of attention before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config import attention
from pali3kit.config.attention import describe_attention, require_attention_backend
from pali3kit.config.load import load
from pali3kit.errors import ConfigError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
NO_GPU, NOT_THERE = "cannot run here, without a GPU", "cannot run here, where xformers is not installed"


@pytest.mark.parametrize(
    ("backend", "gpu", "installed", "told", "runs"),
    [
        ("auto", True, True, "flex where its bias has more than 256 MiB; xformers if asked for.", True),
        ("auto", True, False, f"xformers {NOT_THERE} (", True),
        ("sdpa", False, True, "sdpa, as runtime.attention says.", True),
        ("xformers", True, True, "xformers, as runtime.attention says.", True),
        ("xformers", True, False, f"'xformers' {NOT_THERE} (", False),
        ("xformers", False, True, f"'xformers' {NO_GPU}: take auto, sdpa or chunked.", False),
        ("flex", False, True, f"'flex' {NO_GPU}: take auto, sdpa or chunked.", False),
    ],
)
def test_what_the_encoder_attends_with(
    backend: str, gpu: bool, installed: bool, told: str, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "_has_gpu", lambda: gpu)
    monkeypatch.setattr(attention, "find_spec", lambda name: name if installed else None)
    experiment = load(EXPERIMENTS / "pretrain_ul2.yaml", [f"runtime.attention={backend}", "scale=smoke"])
    assert told in describe_attention(experiment)
    if runs:
        require_attention_backend(experiment)
    else:
        with pytest.raises(ConfigError, match=NO_GPU if "GPU" in told else NOT_THERE):
            require_attention_backend(experiment)


def test_nothing_is_said_where_there_is_nothing_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_has_gpu", lambda: False)
    assert describe_attention(load(EXPERIMENTS / "pretrain_ul2.yaml", ["scale=smoke"])) == ""


@pytest.mark.parametrize("asked", ["probe", "probe,mask_tokenizer"])
def test_nothing_is_said_where_nothing_of_it_is_used(asked: str) -> None:
    overrides = ["runtime.attention=xformers", f"evaluate=[{asked}]"]
    assert describe_attention(load(EXPERIMENTS / "siglip_probe.yaml", overrides)) == ""


def test_a_gpu_can_be_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(attention, "GPU_DEVICES", (f"{tmp_path}/nvidia[0-9]*",))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert attention._has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not attention._has_gpu()
