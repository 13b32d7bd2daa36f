"""TextVQA with the accuracy of its server and of most papers; big_vision reports VQA accuracy, as `textvqa`."""

from __future__ import annotations

from dataclasses import replace

from pali3kit.benchmarks.questions import TEXTVQA

TEXTVQA_SERVER = replace(
    TEXTVQA,
    name="textvqa_server",
    summary="TextVQA scored as its server does, which normalises all texts: accuracy (paper: TextVQA)",
    metric="textvqa_accuracy",
    transfer_of="textvqa",
    public=(replace(TEXTVQA.public[0], title="TextVQA (val, as on the server)"),),
)
