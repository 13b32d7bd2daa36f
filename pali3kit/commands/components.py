"""Commands on what there is: list and show; and the training of a vocabulary."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from pali3kit.catalogue import CATALOGUES
from pali3kit.commands.command import Call, Command, UsageError
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.suggestions import new_name
from pali3kit.describe import describe_component
from pali3kit.errors import choose

EXPERIMENTS = "experiments"
"""What `list` lists beside the catalogues."""


def _list(call: Call) -> int:
    for kind in call.arguments or [*CATALOGUES, EXPERIMENTS]:
        if kind != EXPERIMENTS and kind not in CATALOGUES:
            raise UsageError(_unknown_kind(kind))
        lines = _experiments() if kind == EXPERIMENTS else _entries(kind)
        width = max([22, *(len(name) + 2 for name in lines)])
        print(kind)
        for name, line in lines.items():
            print(f"  {name:<{width}}{line}")
    return 0


def _entries(kind: str) -> dict[str, str]:
    return {entry.name: entry.wrong or entry.summary for entry in CATALOGUES[kind].entries()}


def _experiments() -> dict[str, str]:
    """The first line of each shipped experiment, which is a comment."""
    files = shipped_experiments()
    return {name: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for name, file in files.items()}


def _unknown_kind(kind: str) -> str:
    return f"unknown kind '{kind}'.{new_name('kind', kind) or choose(kind, [*CATALOGUES, EXPERIMENTS])}"


def _show(call: Call) -> int:
    kind, slash, name = call.arguments[0].partition("/")
    if kind not in CATALOGUES:
        meant = [f"'{each}/{kind}'" for each, one in CATALOGUES.items() if not slash and kind in one.names()]
        raise UsageError(f"'{kind}' needs its kind: {' or '.join(meant)}." if meant else _unknown_kind(kind))
    if not slash:
        raise UsageError(f"'{kind}' is a kind: show {kind}/NAME; `list {kind}` has the names.")
    if renamed := new_name(kind, name):
        raise UsageError(f"unknown {kind} '{name}'.{renamed}")
    print(describe_component(kind, CATALOGUES[kind].describe(name)))
    return 0


def _check_data(call: Call) -> int:
    from pali3kit.report.own_data import print_survey

    return print_survey(call.arguments[0], call.options)


def _tokenizer(call: Call) -> int:
    given, corpus = call.options, [Path(each) for each in call.arguments]
    if not re.fullmatch(r"[0-9]{1,9}", given["vocabulary"]):
        raise UsageError(f"--vocabulary should be a number of pieces, not '{given['vocabulary']}'.")
    out = Path(os.path.expanduser(given["out"]))
    if not out.parent.is_dir() or out.is_dir() or out in corpus:
        raise UsageError(f"--out should be a new file in a folder that exists, not '{out}'.")
    from pali3kit.text.plain import read_sentences
    from pali3kit.text.tokenizer import Tokenizer, train_tokenizer

    print(f"reading {', '.join(call.arguments)}", file=sys.stderr)
    sentences = list(read_sentences(corpus, given.get("field", "text")))
    print(f"training on {len(sentences)} lines", file=sys.stderr)
    train_tokenizer(sentences, out, int(given["vocabulary"]))
    print(f"{out}: {Tokenizer(out).vocabulary.pieces.get_piece_size()} pieces. Experiments take it as tokenizer.file.")
    return 0


def _index(call: Call) -> int:
    from pali3kit.data.shard_index import write_index_of
    from pali3kit.data.shard_names import expand_shards

    out = call.options.get("out")
    shards = expand_shards(call.arguments[0])
    path, samples, damages = write_index_of(shards, out and os.path.expanduser(out))
    for damage in damages:
        print(damage, file=sys.stderr)
    print(f"{path}: {samples} samples of {len(shards)} shards.")
    return 0


COMPONENT_COMMANDS = {
    "check-data": Command(
        _check_data,
        "check-data FILE [--images FOLDER] [--out PAGE] [--decode]",
        options=("images", "out"),
        flags=("decode",),
    ),
    "tokenizer": Command(
        _tokenizer,
        "tokenizer CORPUS... --out FILE --vocabulary PIECES [--field NAME]",
        arguments=(1, sys.maxsize),
        options=("out", "vocabulary", "field"),
        required=("out", "vocabulary"),
    ),
    "index": Command(_index, "index SHARDS [--out FILE]", options=("out",)),
    "list": Command(_list, "list [KIND]", arguments=(0, 1), prints=True),
    "show": Command(_show, "show KIND/NAME", prints=True),
}
