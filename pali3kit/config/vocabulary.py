"""The ids of tokens: a SentencePiece file's pieces, tokens that the published model appends, our special tokens.

Ours are the sentinels `<extra_id_0>` ..., the mode tokens of UL2 `[NLU]`, `[S2S]`, `[NLG]` and the mask tokens
`<mask_token 0>` ... (paper.md §1.4, §2.1, §4.1). Ids of a published model keep their meaning; ours follow after all
rows of its embedding. Free of torch, so that `check` can use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from pali3kit.errors import DataError

MODES = ("[NLU]", "[S2S]", "[NLG]")
PAD, EOS = 0, 1  # in every family
SENTINELS, CODES = 100, 128
SPACE = "\u2581"  # SentencePiece writes a space as this sign


@dataclass(frozen=True, slots=True)
class _Family:
    """Vocabularies with the same special ids and normalisation. `bos` is -1 if there is none.

    `normalises`: text is normalised to NFKC and white space collapsed. `rounding`: the numbers of rows of the published
    embeddings are multiples of it.
    """

    name: str
    unk: int
    bos: int
    normalises: bool
    rounding: int

    def embedding(self, ids: int) -> int:
        """The rows of the published embedding of `ids` tokens."""
        return -(-ids // self.rounding) * self.rounding


OWN = _Family("our own", unk=2, bos=-1, normalises=False, rounding=1)
T5 = _Family("T5's", unk=2, bos=-1, normalises=True, rounding=128)  # also mT5, v1.1, Flan, UL2
GEMMA = _Family("Gemma's", unk=3, bos=2, normalises=False, rounding=64)
FAMILIES = (OWN, T5, GEMMA)


class Vocabulary:
    """The tokens of the file at `path` and ours.

    `specials` maps special tokens, as written in texts, to ids; `added` has those that the published model lacks;
    `pieces` is the file's model; `size` is the number of ids, the rows that our embedding needs. The argument `rows` is
    the size of the published embedding where it is not the family's usual one.

    Raises:
        DataError: the file is not a SentencePiece model of a known family, or has learned a special token as a piece.
    """

    def __init__(self, path: Path, codes: int = CODES, sentinels: int = SENTINELS, rows: int | None = None) -> None:
        self.path, self.pieces = path, _read(path)
        self.family = _family(self.pieces, path)
        first = self.pieces.get_piece_size()
        self.specials = {name: first + i for i, name in enumerate(self._appended())}
        used = first + len(self.specials)
        self.rows = self.family.embedding(used) if rows is None else rows
        if self.rows < used:
            raise DataError(f"{path}: an embedding of {self.rows} rows has no room for its {used} ids")
        self.added: dict[str, int] = {}
        for name in (*_sentinels(sentinels), *MODES, *(f"<mask_token {code}>" for code in range(codes))):
            found = self._in_file(name)
            if found is not None:
                self.specials[name] = found
            elif name not in self.specials:
                self.added[name] = self.specials[name] = self.rows + len(self.added)
        self.size = self.rows + len(self.added)

    def _appended(self) -> list[str]:
        """The tokens that the published model has right after the file's pieces.

        T5's sentinels count downwards from the last id (transformers' T5Tokenizer); mT5's are in its file. The file
        of PaliGemma ends with `<loc....>` and `<seg...>`, and the placeholder of the image follows.
        """
        if self.family is T5 and self._in_file("<extra_id_0>") is None:
            return _sentinels(SENTINELS)[::-1]
        if self.family is GEMMA and self._in_file("<loc0000>") is not None:
            return ["<image>"]
        return []

    def _in_file(self, name: str) -> int | None:
        """The id of the file's own symbol `name`, with or without a space before it, which mT5's sentinels have."""
        for piece in (name, SPACE + name):
            found: int = self.pieces.piece_to_id(piece)
            if self.pieces.id_to_piece(found) != piece:
                continue
            if self.pieces.get_score(found) == 0:  # of user-defined and control symbols; learned pieces have less
                return found
            raise DataError(
                f"{self.path}: the vocabulary has learned '{piece}' (id {found}), which is text and cannot be the"
                f" special token {name} too"
            )
        return None


def _sentinels(number: int) -> list[str]:
    return [f"<extra_id_{i}>" for i in range(number)]


def _read(path: Path) -> sentencepiece.SentencePieceProcessor:
    pieces = sentencepiece.SentencePieceProcessor()
    try:
        pieces.LoadFromSerializedProto(path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: not a readable SentencePiece model ({error})") from error
    return pieces


def _family(pieces: sentencepiece.SentencePieceProcessor, path: Path) -> _Family:
    """The family by its special ids and by its normalisation, which a damaged file may have lost."""
    ids = (pieces.pad_id(), pieces.eos_id(), pieces.unk_id(), pieces.bos_id())
    alike = [family for family in FAMILIES if (PAD, EOS, family.unk, family.bos) == ids]
    strange = "  \U0010fffd  "  # spaces, and a character that no model has seen
    exact, folded = pieces.decode(pieces.encode(strange)) == strange, pieces.normalize("ﬁ").endswith("fi")
    for family in alike:
        if folded if family.normalises else exact:
            return family
    if alike:
        raise DataError(
            f"{path}: damaged, or it treats text as neither {' nor '.join(f.name for f in alike)} models do"
        )
    raise DataError(
        f"{path}: a SentencePiece model with pad {ids[0]}, eos {ids[1]}, unk {ids[2]}, bos {ids[3]};"
        f" known are {', '.join(f'{f.name} ({PAD}, {EOS}, {f.unk}, {f.bos})' for f in FAMILIES)}"
    )
