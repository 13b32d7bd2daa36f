"""Optimizers, stages, columns, tasks and metrics: their names, and where they live.

All other components are declared in their own files (`pali3kit.registry`).
"""

from __future__ import annotations

from pali3kit import registry
from pali3kit.config.supply import PRETRAINED_COLUMNS

for _name, _summary in {
    "muon": "orthogonalised momentum for matrices, AdamW for the rest",
    "adamw": "AdamW with decoupled weight decay",
    "adafactor": "big_vision's Adafactor: factored second moments, momentum in bf16",
}.items():
    registry.OPTIMIZER.add(_name, "pali3kit.training.optimizers:build_optimizer", summary=_summary)

for _name, _summary in {
    "tokenizer": "train SentencePiece on the source's text",
    "vision": "pretrain the ViT by classification or with SigLIP, or leave it random",
    "masks": "train the mask tokenizer",
    "language": "pretrain the encoder-decoder with UL2's mixture of denoisers",
    "features": "compute the frozen encoder's tokens of all scenes once",
    "multimodal": "stage 1: train PaLI on the mixture with the ViT frozen",
    "resolution": "stage 2: train the whole PaLI, its ViT too, on larger pictures",
    "transfer": "fine-tune on one task with the ViT frozen",
    "lit": "train a text tower for the frozen encoder (LiT)",
    "embed": "compute the frozen encoder's pooled features of a set once",
    "probe": "10-shot ridge probe of the encoder on 8 classification tasks",
    "knn": "classify by the nearest neighbours' classes",
    "linear": "train a linear classifier on the frozen encoder's features",
    "finetune": "train the whole encoder as a classifier",
    "classify": "score a fine-tuned classifier",
    "zero_shot": "classify by the texts of the classes",
    "retrieval": "find texts by pictures and pictures by texts",
    "denoising": "the pretrained language model's loss on held-out text",
    "evaluate": "generate for one column and score it",
}.items():
    registry.STAGE.add(_name, f"pali3kit.training.stages.{_name}:run", summary=_summary)

for _name, _summary in {
    "probe": "8 tasks, 10-shot: accuracy, mean of 3 draws",
    "knn": "nearest neighbours among the train pictures: top-1, ReaL, v2",
    "linear": "a linear classifier on frozen features: top-1, ReaL, v2",
    "finetune": "the whole encoder as a classifier: top-1, ReaL, v2 (paper: ImageNet)",
    "zero_shot": "classes by their names: top-1, ReaL, v2",
    "retrieval": "R@1 of pictures and captions, both directions, mean over languages (paper: XM3600)",
    "denoising": "the language model's loss on held-out text, nats a token, mean of R, S and X (less is better)",
    "caption": "English scene captions, 5 references: CIDEr (paper: COCO)",
    "caption_multilingual": "captions in 36 languages: CIDEr, English and mean of the other 35 (paper: XM3600)",
    "vqa": "objects, colours, counts, yes or no: VQA accuracy (paper: VQAv2)",
    "vqa_knowledge": "what one must know of an object: VQA accuracy (paper: OKVQA)",
    "vqa_text": "answered by the printed words: VQA accuracy (paper: TextVQA)",
    "refer": "expressions with locations to boxes and masks: mIoU (paper: RefCOCO)",
    "refer_plus": "expressions without locations: mIoU (paper: RefCOCO+)",
    "refer_g": "long expressions: mIoU (paper: RefCOCOg)",
}.items():
    _stage = "classify" if _name == "finetune" else _name if _name in PRETRAINED_COLUMNS else "evaluate"
    registry.COLUMN.add(_name, f"pali3kit.training.stages.{_stage}:run", summary=_summary)

for _name, _summary in {
    "splitcap": "the rest of an alt-text from its beginning",
    "span_corruption": "the missing words of an alt-text, without its picture",
    "caption": "an English alt-text of the scene",
    "caption_multilingual": "an alt-text in one of 36 languages",
    "ocr": "the printed words, in raster order",
    "vqa": "an answer to a question on the scene",
    "vqg": "a question to an answer",
    "object_vqa": "which of some objects are there",
    "detect": "box and class of the objects asked for",
    "refer": "box and mask of the thing that an expression means",
    "vqa_knowledge": "an answer that needs knowledge of an object",
    "vqa_text": "an answer that is printed in the picture",
}.items():
    registry.TASK.add(_name, "pali3kit.data.world.tasks:WorldTask", summary=_summary)

registry.METRIC.add("cider", "pali3kit.metrics.cider:cider", summary="CIDEr-D, as the official scorer, without Java")
registry.METRIC.add("vqa_accuracy", "pali3kit.metrics.vqa:vqa_accuracy", summary="VQA accuracy over 10 annotators")
registry.METRIC.add("segmentation_iou", "pali3kit.metrics.segmentation:SegmentationIoU", summary="IoU at full size")
registry.METRIC.add("ridge_probe", "pali3kit.metrics.probe:ridge_probe", summary="closed-form few-shot ridge probe")
