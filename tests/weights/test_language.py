"""T5, T5 v1.1, Flan-T5, mT5 and UL2 of transformers in our encoder-decoder, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.ul2 import UL2
from pali3kit.weights.export import export_language
from pali3kit.weights.language import _create as create_ul2

SHAPE = {
    "vocab_size": 96, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 4,
}  # fmt: skip
FAMILIES = {
    "t5": (T5Config, {"feed_forward_proj": "relu"}),
    "t5 v1.1 and flan-t5": (T5Config, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "ul2": (T5Config, {"feed_forward_proj": "gated-silu", "tie_word_embeddings": False}),
    "mt5": (MT5Config, {"feed_forward_proj": "gated-gelu"}),
    "exact gelu": (T5Config, {"feed_forward_proj": "gelu", "tie_word_embeddings": False}),
    "tanh gelu": (T5Config, {"feed_forward_proj": "gelu_new", "tie_word_embeddings": False}),
    "another epsilon": (
        T5Config,
        {"feed_forward_proj": "gated-silu", "layer_norm_epsilon": 0.01, "tie_word_embeddings": False},
    ),
}


def write(folder: Path, family: str, **saving: object) -> torch.nn.Module:
    """A random model of the family in its own format; those with logits of their own have them in the file."""
    torch.manual_seed(0)
    kind, said = FAMILIES[family]
    config = kind(**SHAPE, **said)
    model = (MT5ForConditionalGeneration if kind is MT5Config else T5ForConditionalGeneration)(config).eval()
    if family != "t5":  # transformers 5 ties every T5, the published files do not
        model.lm_head.weight = torch.nn.Parameter(torch.randn(96, 32))
        model.config.tie_word_embeddings = False
    model.save_pretrained(folder, **saving)
    return model


def logits(model: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    ids, targets = (torch.randint(2, 96, (2, length), generator=generator) for length in (150, 7))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, 90:] = False
    with torch.no_grad():
        if isinstance(model, UL2):
            return model.decode(targets, model.encode(model.embed(ids), mask), mask)
        return model(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=targets).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_transformers(family: str, tmp_path: Path) -> None:
    theirs = write(tmp_path, family)
    ours = create_ul2(96, weights=str(tmp_path)).eval()
    assert ours.load_report.missing == ours.load_report.unexpected == ()
    assert (ours.logits is None) == (family == "t5")
    torch.testing.assert_close(logits(ours), logits(theirs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_exported_it_is_the_same_model_in_transformers(family: str, tmp_path: Path) -> None:
    write(tmp_path / "theirs", family)
    ours = create_ul2(96, weights=str(tmp_path / "theirs")).eval()
    export_language(ours, tmp_path / "ours")
    back = T5ForConditionalGeneration.from_pretrained(tmp_path / "ours").eval()
    torch.testing.assert_close(logits(back), logits(ours), atol=1e-5, rtol=1e-5)
    again = create_ul2(96, weights=str(tmp_path / "ours")).eval()
    torch.testing.assert_close(logits(again), logits(ours), atol=0.0, rtol=0.0)


def test_shards_are_read(tmp_path: Path) -> None:
    theirs = write(tmp_path, "ul2", max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    torch.testing.assert_close(
        logits(create_ul2(96, weights=str(tmp_path)).eval()), logits(theirs), atol=1e-4, rtol=1e-4
    )


def test_new_tokens_get_rows_and_padding_loses_its_own(tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    file = load_file(tmp_path / "model.safetensors")
    more, fewer = (create_ul2(rows, weights=str(tmp_path)) for rows in (103, 90))
    torch.testing.assert_close(more.embedding.weight[:96], file["shared.weight"])
    torch.testing.assert_close(fewer.logits.weight, file["lm_head.weight"][:90])
    assert more.load_report.resized == {"embedding.weight": "96 to 103 rows", "logits.weight": "96 to 103 rows"}
    new, mean = more.embedding.weight[96:], file["shared.weight"].mean(0)
    assert (new - mean).abs().max() < 0.2 and len(new.unique(dim=0)) == 7
    again = create_ul2(103, weights=str(tmp_path))
    assert torch.equal(more.embedding.weight, again.embedding.weight)


def test_a_tied_embedding_is_copied_to_untied_logits_and_reported(tmp_path: Path) -> None:
    write(tmp_path, "mt5")
    file = load_file(tmp_path / "model.safetensors")
    del file["lm_head.weight"]
    save_file(file, tmp_path / "model.safetensors", {"format": "pt"})
    ours = create_ul2(96, weights=str(tmp_path))
    assert torch.equal(ours.logits.weight, ours.embedding.weight)
    assert "copy of the embedding" in ours.load_report.resized["logits.weight"]


def test_options_must_agree_with_the_config(tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    assert create_ul2(96, width=32, mlp=48, weights=str(tmp_path)).width == 32
    with pytest.raises(ConfigError, match="has width 32, not 64") as error:
        create_ul2(96, width=64, heads=2, weights=str(tmp_path))
    assert len(error.value.problems) == 2
    with pytest.raises(ConfigError, match="has mlp 48, not 1024"):
        create_ul2(96, size="small", weights=str(tmp_path))
    with pytest.raises(ConfigError, match="has gated True, not False"):
        create_ul2(96, gated=False, weights=str(tmp_path))


def test_another_models_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bart"}))
    with pytest.raises(ConfigError, match="model_type 'bart': ul2 reads t5 and mt5; take hf/"):
        create_ul2(96, weights=str(tmp_path))


def test_a_model_larger_than_its_file_is_not_allocated(tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"d_ff": 100_000, "num_layers": 900}))
    with pytest.raises(WeightsError, match=r"of 240,960 bytes cannot hold the 2,88.* parameters of its"):
        create_ul2(96, weights=str(tmp_path))


def test_transformers_has_no_gated_exact_gelu(tmp_path: Path) -> None:
    language = create_ul2(
        8, width=8, encoder_depth=1, decoder_depth=1, heads=1, head_width=8, mlp=8, activation="gelu_exact"
    )
    with pytest.raises(WeightsError, match="transformers' T5 has no gated exact GELU"):
        export_language(language, tmp_path)


def test_a_damaged_file_is_refused_naming_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    path = tmp_path / "model.safetensors"
    file = load_file(path)
    file["encoder.block.0.layer.0.SelfAttention.Q.weight"] = file.pop("encoder.block.0.layer.0.SelfAttention.q.weight")
    save_file(file, path, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"missing encoder\.0\.attention\.query\.weight; unexpected .*Attention\.Q"):
        create_ul2(96, weights=str(tmp_path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(WeightsError, match="not a readable file of weights"):
        create_ul2(96, weights=str(tmp_path))


@pytest.mark.parametrize("before", ["model.", "module._orig_mod.language."])
def test_a_prefix_of_a_wrapping_model_is_removed(before: str, tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    plain = create_ul2(96, weights=str(tmp_path)).state_dict()
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save({"state_dict": {before + name: x for name, x in tensors.items()}}, tmp_path / "pytorch_model.bin")
    found = create_ul2(96, weights=str(tmp_path)).state_dict()
    assert all(torch.equal(found[name], plain[name]) for name in plain)


def test_shards_of_torch_files_are_read(tmp_path: Path) -> None:
    """google/ul2 and the larger T5s have an index of such shards."""
    write(tmp_path, "ul2")
    plain = create_ul2(96, weights=str(tmp_path)).state_dict()
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    files = {name: f"pytorch_model-{1 + number % 2:05}-of-00002.bin" for number, name in enumerate(sorted(tensors))}
    for file in set(files.values()):
        torch.save({name: x for name, x in tensors.items() if files[name] == file}, tmp_path / file)
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    found = create_ul2(96, weights=str(tmp_path)).state_dict()
    assert all(torch.equal(found[name], plain[name]) for name in plain)


@pytest.mark.parametrize("kept", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"])
def test_the_embedding_may_have_any_of_three_names(kept: str, tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    shared = tensors.pop("shared.weight")
    save_file({name: x for name, x in tensors.items() if "embed_tokens" not in name} | {kept: shared}, file)
    assert torch.equal(create_ul2(96, weights=str(tmp_path)).embedding.weight, shared)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ul2")
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"holds no T5 in transformers' layout: it has conv1.weight, but no encoder"):
        create_ul2(96, weights=str(tmp_path))


def test_the_first_t5s_files_hold_an_unused_bias(tmp_path: Path) -> None:
    """transformers#9231: t5-small to t5-3b still have it."""
    write(tmp_path, "t5")
    file = tmp_path / "model.safetensors"
    bias = torch.zeros(32, 4)
    name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    save_file({**load_file(file), name: bias}, file, metadata={"format": "pt"})
    report = create_ul2(96, weights=str(tmp_path)).load_report
    assert report is not None and name not in report.unexpected
