"""Keys and names of experiments that were renamed: an old one is refused with the new one.

Tables alone; `pali3kit.config.suggestions` words the messages.
"""

from __future__ import annotations

SINCE = "0.2"  # the version that renamed them

RENAMED: dict[str, str] = {
    "data.columns": "data.tasks",
    "evaluation.draws": "evaluation.repeats",
    "evaluation.texts": "evaluation.text_tower",
    "expect": "published",
    "model.masks": "model.mask_tokenizer",
    "model.towers": "model.dual_encoder",
    "runtime.loaders": "runtime.num_workers",
    "runtime.most_bad": "runtime.max_bad_fraction",
    "runtime.most_tokens": "runtime.max_tokens_per_microbatch",
    "runtime.ranks": "runtime.devices",
    "runtime.recompute": "runtime.gradient_checkpointing",
    "runtime.workers": "runtime.parallel_stages",
    "stages.masks": "stages.mask_tokenizer",
    "stages.resolution.grow": "stages.resolution.increase_resolution",
    "stages.transfer.checks": "stages.transfer.num_validations",
    "stages.transfer.tasks": "stages.transfer.benchmarks",
    "stages.transfer.validate": "stages.transfer.validation_examples",
}
"""Dotted keys: `{"runtime.ranks": "runtime.devices"}`. Keys below a renamed key move with it."""

RENAMED_NAMES: dict[str, dict[str, str]] = {
    "benchmark": {
        "caption": "coco",
        "caption_multilingual": "xm3600",
        "refer": "refcoco",
        "refer_g": "refcocog",
        "refer_plus": "refcoco_plus",
        "vqa": "vqav2",
        "vqa_knowledge": "okvqa",
        "vqa_text": "textvqa",
    },
    "kind": {"column": "benchmark", "masks": "mask_tokenizer", "towers": "dual_encoder"},
    "pretrain": {"given": "pretrained"},
    "stage": {"masks": "mask_tokenizer"},
}
"""Names and values, by where they are looked up: `benchmark` and `stage`, a registry (`vision`: names of components), a
component (`source/union`: its options), `kind` (what `list` and `show` take), or the dotted key of a value that is one
of several words (`{"pretrain": {"given": "pretrained"}}`).
"""
