from __future__ import annotations

import subprocess

import pytest

from pali3kit.completion import script
from pali3kit.run import COMMANDS


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["ch"], "check"),
        (["list", "vi"], "vision"),
        (["show", "source/vq"], "source/vqa"),
        (["check", "x.yaml", "runtime.r"], "runtime.ranks= runtime.recompute= runtime.runs="),
        (["plan", "x.yaml", "zzz"], ""),
        (["report", "runtime.r"], ""),
    ],
)
def test_bash_completes(words: list[str], completions: str) -> None:
    line = " ".join(["pali3kit", *words])
    shell = f'{script(COMMANDS)}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _pali3kit; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == completions and done.stderr == ""
