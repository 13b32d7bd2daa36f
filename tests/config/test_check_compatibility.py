from __future__ import annotations

from pathlib import Path
from typing import get_args

import fakes
import pytest
from planned import changed, without_place

from pali3kit.config.check_compatibility import CHECKS
from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.config.stages import Prefix
from pali3kit.errors import ConfigError
from pali3kit.text.denoise import PREFIXES

ALONE = ("grid={}", "baseline={}")


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["model.vision.patch=7"], "patch 7 does not divide image_size 64; nearest: 8"),
        (["model.vision={name: vit, size: B/16}", "model.image_size=100"],
         "patch 16 does not divide image_size 100; nearest: 20"),
        (["model.vision={name: vit, size: C/16}"], "model.vision: unknown vit size 'C/16'. Did you mean 'S/16'?"),
        (["model.vision.size=B/16"],
         "model.vision: vit size 'B/16' already sets width, depth, heads, mlp, patch: leave out one or the other."),
        (["model.vision.patch=null"], "model.vision: a vit needs a size such as 'B/16', or also patch."),
        (["model.vision=vit"],
         "model.vision: a vit needs a size such as 'B/16', or also width, depth, heads, mlp, patch."),
        (["model.vision.patch=1", "model.image_size=129"],
         "patch 1 cuts image_size 129 into 16641 tokens; at most 16384"),
        (["model.vision.heads=3"], "3 heads do not divide the width 32 of model.vision; nearest: 4"),
        (["stages.vision.text.heads=5"], "5 heads do not divide the width 32 of stages.vision.text; nearest: 4"),
        (["model.language.width=30"], "sine2d positions need a language width divisible by 4, not 30; nearest: 32"),
        (["model.projector={name: pixel_shuffle, factor: 3}"],
         "squares of 3 tokens do not fill a grid of 8x8; nearest: 4"),
        (["model.projector={name: resampler, heads: 5}"],
         "5 heads do not divide the width 32 of model.projector; nearest: 4"),
        (["model.projector={name: resampler, heads: 2}", "model.language.width=30"],
         "sine2d positions need a language width divisible by 4, not 30; nearest: 32"),
        (["tokenizer.vocabulary=374"],
         "a vocabulary of 374 leaves no pieces for words beside 256 bytes and 100 numbers; at least 375"),
        (["tokenizer.bins=1000", "tokenizer.vocabulary=1000"],
         "a vocabulary of 1000 leaves no pieces for words beside 256 bytes and 1000 numbers; at least 1275"),
        (["stages.multimodal.target_length=20"],
         "target_length 20 cannot hold what refcoco asks for: 4 coordinates, 16 mask tokens and the end need 21"),
        (["stages.language.batch_size=9"], "stages.language.examples: 8 examples are less than one batch of 9"),
        (["stages.multimodal.mixture.ocr=-1"], "the weight of ocr should be at least 0, not -1.0."),
        (["stages.multimodal.mixture.splitcap=0", "stages.multimodal.mixture.ocr=0"],
         "stages.multimodal.mixture has no task with a weight above 0."),
        (["stages.multimodal.mixture.orc=1"], "stages.multimodal.mixture: unknown task 'orc'. Did you mean 'ocr'?"),
        (["stages.transfer.benchmarks.txtvqa=9"],
         "stages.transfer.benchmarks: unknown benchmark 'txtvqa'. Did you mean 'textvqa'?"),
        (["stages.transfer.benchmarks.zzz=9"], "stages.transfer.benchmarks: unknown benchmark 'zzz'. Choose "
         "from activitynet, activitynet_qa, ai2d, chartqa, coco, docvqa, infovqa, msrvtt, msrvtt_qa, nextqa, ocrvqa, "
         "okvqa, refcoco, screen2words, smit, stvqa, tallyqa, textcaps, textvqa, vatex, vqav2, widgetcap, xm3600."),
        (["stages.transfer.benchmarks.refcocog=9"],
         "stages.transfer.benchmarks: 'refcocog' shares the transfer of 'refcoco': set that one instead."),
        (["stages.finetune.optimizer.name=adamx"],
         "stages.finetune.optimizer.name cannot be 'adamx'. Did you mean 'adamw'?"),
        (["stages.lit.optimizer.schedule=cosin"],
         "stages.lit.optimizer.schedule cannot be 'cosin'. Did you mean 'cosine'?"),
        (["stages.transfer.benchmarks.coco=0"], "the examples of coco should be at least 1, not 0."),
        (["stages.transfer.benchmarks.coco={learning_rat: 1.0e-3}"],
         "unknown key 'stages.transfer.benchmarks.coco.learning_rat'. Did you mean 'learning_rate'?"),
        (["stages.transfer.benchmarks.coco={learning_rate: 0.0}"],
         "stages.transfer.benchmarks.coco.learning_rate should be more than 0, not 0.0."),
        (["stages.transfer.benchmarks.coco={examples: 3, batch_size: 4}"],
         "stages.transfer.benchmarks.coco: 3 examples are less than one batch of 4"),
        (["stages.transfer.benchmarks.coco=many"],
         "stages.transfer.benchmarks.coco should be an integer or a mapping, not the text 'many'."),
        (["stages.transfer.optimizer.name=adam"],
         "stages.transfer.optimizer.name cannot be 'adam'. Did you mean 'adamw'?"),
        (["stages.transfer.optimizer.schedule=cosin"],
         "stages.transfer.optimizer.schedule cannot be 'cosin'. Did you mean 'cosine'?"),
        ([*ALONE, "pretrain=clip", "evaluate=[probe]"], "pretrain cannot be 'clip'. Did you mean 'siglip'?"),
        (["model.language.max_distance=16"],
         "max_distance 16 should be more than half of the 32 buckets, which are single distances"),
        (["model.image_size=32"], "scenes of the world need at least 64 pixels, not 32"),
        (["data.source={name: text, path: .}", "evaluate=[denoising, probe]", "model.image_size=32",
          "stages.vision.source=world"], "scenes of the world need at least 64 pixels, not 32"),
        ([*ALONE, "pretrain=random", "model.vision={name: timm/resnet18, pretrained: true}"],
         "timm/resnet18 is pretrained, not random: pretrain 'pretrained' keeps its weights."),
        ([*ALONE, "pretrain=pretrained"],
         "model.vision gives no weights for pretrain 'pretrained': vit would be random: "
         "set 'weights', or pretrain 'random'."),
        ([*ALONE, "pretrain=pretrained", "model.vision=open_clip/ViT-B-32"],
         "model.vision gives no weights for pretrain 'pretrained': open_clip/ViT-B-32 would be random: "
         "set 'pretrained', or pretrain 'random'."),
        (["model.vision=hf/./nowhere"], "there is no folder './nowhere'."),
        (["model.language=hf//no/where"], "there is no folder '/no/where'."),
        (["model.language.weights=nowhere"], "there is no file or folder 'nowhere'."),
        (["model.language.size=base"],
         "model.language: language model size 'base' already sets width, encoder_depth, decoder_depth, heads,"
         " head_width, mlp: leave out one or the other."),
        (["model.language={name: prefix_lm, width: 30, depth: 1, heads: 2, head_width: 8, mlp: 8}"],
         "sine2d positions need a language width divisible by 4, not 30; nearest: 32"),
        (["stages.language.examples=0"],
         "with 0 examples ul2 keeps random weights: set its weights, or train it on examples."),
        (["stages.multimodal.examples=0"], "stages.multimodal.examples should be at least 1, not 0."),
        (["stages.mask_tokenizer.examples=0"],
         "with 0 examples vqvae keeps random weights: set its weights, or train it on examples."),
        (["model.mask_tokenizer={name: vqvae, weights: nowhere.npz}"], "there is no file or folder 'nowhere.npz'."),
        (["runtime.precision=fp16"], "runtime.precision cannot be 'fp16'. Did you mean 'bf16'?"),
        (["runtime.attention=flx"], "runtime.attention cannot be 'flx'. Did you mean 'flex'?"),
        (["model.vision.weights=nowhere.npz"], "there is no file or folder 'nowhere.npz'."),
        (["data.source={name: pairs, path: x.tar, classes: 3, test: y.tar}", "stages.multimodal.mixture.ocr=0"],
         "source 'pairs' has no task 'refer' for benchmark 'refcoco'."
         " Choose from caption, caption_multilingual, span_corruption, splitcap."),
        (["data.source={name: pairs, path: x.tar, classes: 3, test: y.tar}", "evaluate=[coco]"],
         "source 'pairs' has no task 'ocr'. Choose from caption, caption_multilingual, span_corruption, splitcap."),
        ([*ALONE, "data.source={name: pairs, path: x.tar}", "evaluate=[coco]", "stages.multimodal.mixture.ocr=0"],
         "benchmark 'coco' is measured on test images: name them, data.source.test."),
        ([*ALONE, "data.source={name: tsv, path: x.yam, images: .}"],
         "there is no file or folder 'x.yam'. Did you mean 'x.yaml'?"),
        ([*ALONE, "data.source={name: tsv, path: x.yaml, images: scale}"],
         "there is no folder 'scale'. Did you mean 'scales'?"),
        (["data.source={name: tsv, path: x.yaml, images: .}", "evaluate=[probe]"],
         "pretrain 'classif' needs labels: 'tsv' has none."),
        ([*ALONE, "pretrain=random", "data.source={name: union, parts: {a: {name: ocr, path: no, images: .}}}"],
         "there is no file or folder 'no'."),
        ([*ALONE, "data.source={name: union, parts: {a: {name: orc, path: x.yaml, images: .}}}"],
         "data.source.parts.a: unknown source 'orc'. Did you mean 'ocr'?"),
        ([*ALONE,
          "data.source={name: union, parts: {a: {name: ocr, path: x.yaml, images: ., spilt: a}}}"],
         "unknown key 'data.source.parts.a.spilt'. Did you mean 'split'?"),
        ([*ALONE, "pretrain=random", "data.source={name: union, parts: {a: {name: pdf, path: ., pages: 0}}}"],
         "data.source.parts.a.pages should be at least 1, not 0."),
        ([*ALONE, "pretrain=random", "data.source={name: union, parts: {a: {name: pdf, path: ., test: .}}}",
          "evaluate=[vqav2]", "stages.multimodal.mixture={splitcap: 0, ocr: 1}"],
         "the union of a ('pdf') has no task 'vqa' for benchmark 'vqav2'. Choose from a.ocr, ocr."),
        ([*ALONE, "pretrain=random", "data.source={name: union, parts: {a: {name: pdf, path: ., test: .}}}",
          "stages.multimodal.mixture={a.orc: 1, splitcap: 0}"],
         "stages.multimodal.mixture: unknown task 'a.orc'. Did you mean 'a.ocr'?"),
        (["data.validation=50"], "data.validation 50 leaves none of 8 train images to train on"),
        (["stages.transfer.num_validations=2"],
         "validations use images that are not trained on: say how many, data.validation."),
        (["stages.transfer.num_validations=2", "data.validation=4", "runtime.devices=2", "runtime.strategy=fsdp",
          "stages.transfer.optimizer.name=adamw", "stages.multimodal.optimizer.name=adamw",
          "stages.language.optimizer.name=adamw", "stages.vision.optimizer.name=adamw"],
         "validations generate with whole weights: take runtime.stages.transfer.strategy ddp, or num_validations 0."),
        (["data.tasks={txtvqa: x}"], "data.tasks: unknown benchmark 'txtvqa'. Did you mean 'textvqa'?"),
        ([*ALONE, "pretrain=random", "data.source={name: union, parts: {a: {name: pdf, path: ., test: .}}}",
          "evaluate=[textvqa]", "data.tasks={textvqa: a.vqa}", "stages.multimodal.mixture={splitcap: 0, ocr: 1}"],
         "part 'a' of the union, 'pdf', has no task 'a.vqa' for benchmark 'textvqa'. Choose from a.ocr, ocr."),
        (["stages.mask_tokenizer.source={name: coco_instances, path: x.yam, images: .}"],
         "there is no file or folder 'x.yam'. Did you mean 'x.yaml'?"),
        (["stages.mask_tokenizer.source={name: tsv, path: x.yaml, images: .}"],
         "source 'tsv' has no masks of objects, which 'refcoco' needs: coco_instances, open_images, records and "
         "refcoco have."),
        (["stages.mask_tokenizer.source=cocoinstances"],
         "stages.mask_tokenizer.source: unknown source 'cocoinstances'. Did you mean 'coco_instances'?"),
        ([*ALONE, "data.source={name: union, parts: {}}"],
         "a union without parts has no images: name at least one source."),
        ([*ALONE, "data.source={name: union, parts: {w: world}}"],
         "data.source.parts.w: part 'w' of the union cannot be 'world', whose images are drawn without an end: a union "
         "joins sources that have a number of them, such as files."),
        (["evaluation.probes={mine: {name: folders, path: x}}"], "there is no file or folder 'x'."),
        (["evaluation.probes={mine: folder}"],
         "evaluation.probes.mine: unknown labelled 'folder'. Did you mean 'folders'?"),
        (["evaluation.curve=[1,0]"], "evaluation.curve[1] should be at least 1, not 0."),
        (["evaluation.text_tower=lti"], "evaluation.text_tower cannot be 'lti'. Did you mean 'lit'?"),
        (["evaluation.prompts=clp"], "evaluation.prompts cannot be 'clp'. Did you mean 'clip'?"),
        (["evaluation.labelled={name: imagenet, path: ., real: rael.json}", "evaluate=[knn]"],
         "there is no file or folder 'rael.json'."),
        (["evaluation.captioned={name: xm3600, path: x.yam, images: .}", "evaluate=[retrieval]",
          "stages.lit.examples=64"],
         "there is no file or folder 'x.yam'. Did you mean 'x.yaml'?"),
        (["evaluate=[retrieval]"],
         "benchmark 'retrieval' needs the stage lit, which has no examples: set stages.lit.examples."),
        (["evaluate=[zero_shot]", "stages.lit.examples=10"],
         "stages.lit.examples: 10 examples are less than one batch of 64"),
        (["evaluate=[finetune]"],
         "benchmark 'finetune' needs the stage finetune, which has no examples: set stages.finetune.examples."),
        (["evaluate=[finetune]", "stages.finetune.examples=64", "stages.finetune.image_size=67"],
         "patch 8 does not divide 67 pixels; nearest: 64"),
        ([*ALONE, "pretrain=random", "evaluate=[retrieval]", "evaluation.text_tower=own"],
         "an encoder by 'random' has no text tower of its own: evaluation.text_tower 'lit' trains one. "
         "Or leave out 'retrieval'."),
        ([*ALONE, "pretrain=random", "evaluate=[probe,zero_shot]", "evaluation.text_tower=own"],
         "an encoder by 'random' has no text tower of its own: evaluation.text_tower 'lit' trains one. "
         "Or leave out 'zero_shot'."),
        ([*ALONE, "published={probe.top1: {value: 76.2, tolerance: 0.3, source: a paper}}"],
         "published: 'probe.top1' is not measured. Did you mean 'probe'?"),
        (["published={probe: {value: 76.2, tolerance: 0.3, source: a paper}}"],
         "published: published numbers are of one model, and a grid has several: leave out one of the two."),
        (["evaluation.probes={captioned: {name: folders, path: x}}"], "there is no file or folder 'x'."),
        (["evaluation.probes={mine: {name: folders, path: '*'}}"], "there is no file or folder '*'."),
        ([*ALONE, "pretrain=siglip", "model.dual_encoder={name: hf/x}", "evaluate=[probe]"],
         "a pretrained model of both towers is not trained: pretrain 'pretrained', not 'siglip'."),
        ([*ALONE, "pretrain=pretrained", "model.dual_encoder=open_clip/x", "evaluate=[probe]"],
         "open_clip/x has random weights: set pretrained to a tag or a file."),
        ([*ALONE, "pretrain=pretrained", "model.dual_encoder=hf/./x", "evaluate=[probe]"], "there is no folder './x'."),
        (["evaluate=[zero_shot]", "stages.lit.examples=64", "stages.lit.source={name: text, path: x.yaml}"],
         "source 'text' has no images with texts, which the stage lit learns from."),
        (["evaluate=[zero_shot]", "stages.lit.examples=64", "stages.lit.source={name: tsv, path: x.yam, images: .}"],
         "there is no file or folder 'x.yam'. Did you mean 'x.yaml'?"),
        ([*ALONE, "pretrain=pretrained", "model.dual_encoder={name: hf/x}", "evaluate=[probe,vqav2]"],
         "a pretrained model of both towers is measured as an encoder alone: 'vqav2' needs model.vision."),
        ([*ALONE, "pretrain=pretrained", "model.dual_encoder={name: hf/x}", "evaluate=[finetune]"],
         "a pretrained model of both towers is not trained: 'finetune' needs model.vision."),
        ([*ALONE, "published={zero_shot.top1: {value: 76.2, tolerance: 0.3, source: a paper}}"],
         "published: 'zero_shot.top1' is not measured. 'evaluate' has no 'zero_shot'."),
        ([*ALONE, "pretrain=classif", "data.source={name: pairs, path: x.tar}"],
         "pretrain 'classif' needs labels: set the number of classes of 'pairs' (classes: N)."),
        (["stages.vision.loss=softmx"], "stages.vision.loss cannot be 'softmx'. Did you mean 'softmax'?"),
        (["stages.language.prefix=tabel"], "stages.language.prefix cannot be 'tabel'. Did you mean 'table'?"),
        (["stages.language.length=604"], "windows of 604 tokens have more spans than the 100 sentinels: at most 603"),
        (["stages.language.examples=0",
          "model.language={name: prefix_lm, width: 32, depth: 1, heads: 2, head_width: 16, mlp: 32}"],
         "with 0 examples prefix_lm keeps random weights: set its weights, or train it on examples."),
        (["stages.transfer.start=resolution"],
         "stages.transfer.start: there is no stage 2, since stages.resolution has no steps."),
        (["evaluation.after=[resolution]"],
         "evaluation.after: there is no stage 2, since stages.resolution has no steps."),
        (["stages.transfer.image_size=65"], "no model of 65 pixels is trained. Did you mean '64'?"),
        (["stages.resolution.steps=[{image_size: 100, examples: 64}]", "stages.transfer.start=resolution"],
         "patch 8 does not divide image_size 100; nearest: 10"),
        (["stages.resolution.steps=[{image_size: 96, examples: 3}]", "stages.transfer.start=resolution"],
         "3 examples are less than one batch of 32"),
        (["stages.resolution.steps=[{image_size: 96, examples: 0.5}]"],
         "stages.resolution.steps[0].examples should be an integer, not the number 0.5."),
        (["stages.resolution.mixture={detct: 1}"],
         "stages.resolution.mixture: unknown task 'detct'. Did you mean 'detect'?"),
        (["runtime.strategy=fdsp"], "runtime.strategy cannot be 'fdsp'. Did you mean 'fsdp'?"),
        (["runtime.contrastive_loss=rnig"], "runtime.contrastive_loss cannot be 'rnig'. Did you mean 'ring'?"),
        (["runtime.stages={visoin: {devices: 2}}"], "unknown stage 'visoin' in runtime.stages. Did you mean 'vision'?"),
        (["runtime.stages={masks: {devices: 2}}"],
         "unknown stage 'masks' in runtime.stages. It is called 'mask_tokenizer' since 0.2."),
        (["runtime.stages.vision={devcies: 2}"],
         "unknown key 'runtime.stages.vision.devcies'. Did you mean 'devices'?"),
        (["runtime.stages.vision.strategy=fdsp"],
         "runtime.stages.vision.strategy cannot be 'fdsp'. Did you mean 'fsdp'?"),
        (["runtime.stages.vision.nodes=0"], "runtime.stages.vision.nodes should be at least 1, not 0."),
        (["runtime.stages.probe={devices: 2, num_workers: 1}"],
         "stage 'probe' runs in one process: leave devices out."),
        (["runtime.devices=2", "stages.transfer.benchmarks.vqav2={batch_size: 9, examples: 90}"],
         "2 ranks do not divide the batch of 9 of stages.transfer.benchmarks.vqav2; nearest: 3, by"
         " runtime.stages.transfer.devices"),
        (["runtime.devices=4", "evaluate=[finetune]", "stages.finetune.examples=66", "stages.finetune.batch_size=66"],
         "4 ranks do not divide the batch of 66 of stages.finetune; nearest: 3, by runtime.stages.finetune.devices"),
        (["runtime.devices=3", "evaluate=[probe]"], "3 ranks do not divide the batch of 4 of stages.vision; "
                                                    "nearest: 4, by runtime.stages.vision.devices"),
        (["runtime.devices=2", "runtime.strategy=fsdp", "evaluate=[probe]"],
         "muon works on whole matrices, but fsdp shards them: use adamw."),
        ([*ALONE, "pretrain=siglip", "data.source={name: folder, path: nowhere}"], "there is no folder 'nowhere'."),
        (["data.source={name: text, path: .}"],
         "source 'text' has texts alone: only benchmark 'denoising' fits, not probe."),
        (["data.source={name: jsonl, path: nowhere/*.jsonl}", "evaluate=[denoising]"],
         "there is no file or folder 'nowhere/*.jsonl'."),
    ],
)  # fmt: skip
def test_misfit(trial: Path, overrides: list[str], text: str) -> None:
    if any(override.startswith("grid") for override in overrides):
        (trial / "x.yaml").write_text("name: trial\nscale: tiny\nevaluate: [probe]\n")
    with pytest.raises(ConfigError) as error:
        load("x.yaml", overrides)
    told = [without_place(problem.text) for problem in error.value.problems if not isinstance(problem, str)]
    assert told == [text]


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.vision={name: vit, size: B/16}"],
        ["model.vision={name: vit, size: So400m/14, head: gap}", "model.image_size=1064"],
        ["model.language.width=30", "model.projector.positions=none"],
        ["stages.multimodal.target_length=20", "evaluate=[vqav2]"],
        ["stages.multimodal.mixture.ocr=0"],
        ["tokenizer.vocabulary=375"],
        ["data.source={name: text, path: .}", "evaluate=[denoising]"],
        ["data.source={name: text, path: .}", "evaluate=[denoising, probe]", "stages.vision.source=world"],
        ["model.mask_tokenizer={name: vqvae, weights: x.yaml}", "stages.mask_tokenizer.examples=0"],
        ["data.source={name: text, path: 'scales/*.yaml'}", "evaluate=[denoising]"],
    ],
)
def test_fits(trial: Path, overrides: list[str]) -> None:
    load("x.yaml", overrides)


def test_a_class_that_takes_no_weights_is_told_how_it_would(tmp_path: Path) -> None:
    mine = changed(fakes.experiment(tmp_path), {"pretrain": "pretrained", "model.vision": Component(name="mine")})
    [text] = [text for check in CHECKS for key, text in check(mine) if key == "model.vision"]
    assert text.endswith("be random: give its class an option 'weights', a file that it reads, or pretrain 'random'.")


def test_an_absurd_size_is_refused_at_once(trial: Path) -> None:
    with pytest.raises(ConfigError, match="patch 8 does not divide image_size 999999999999999999; nearest: 9"):
        load("x.yaml", ["model.image_size=999999999999999999"])
    with pytest.raises(ConfigError, match=r"1000000007 heads do not divide .* nearest: 1$"):
        load("x.yaml", ["stages.vision.text.width=1000000000000000003", "stages.vision.text.heads=1000000007"])
    with pytest.raises(ConfigError, match="has more than 64 bits"):
        load("x.yaml", ["model.image_size=99999999999999999999"])


def test_the_prefixes_are_those_of_the_denoisers() -> None:
    assert set(get_args(Prefix)) == set(PREFIXES)
