"""WordNet by NLTK: lemmas, and the similarity of two words. Needs the extra `wups`, and WordNet's files.

A lemma is that of the part of speech under which the word is most frequent in WordNet's tagged texts, so that no tagger
is needed: the model of NLTK's is in no package.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pali3kit.errors import DataError

LEMMATISER = "Morphy without a tagger"
"""What `lemma` is, for reports."""
_PARTS_OF_SPEECH = "nvar"  # noun, verb, adjective, adverb; of two that are equally frequent, the first
_MISSING = (
    "WUPS needs WordNet's files, and NLTK finds none ({where}). With a network: python -m nltk.downloader wordnet;"
    " from Debian's package wordnet-base: docs/video.md."
)


def require_wordnet() -> None:
    """Raise DataError where NLTK is not installed, or does not find WordNet."""
    _wordnet()


@lru_cache(1)
def _wordnet() -> Any:
    """NLTK's reader of WordNet."""
    try:
        import nltk
    except ImportError as error:
        raise DataError("WUPS needs NLTK: pip install 'pali3kit[wups]'") from error
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except (LookupError, OSError) as error:  # OSError: a folder without some of its files
        where = "corpora/wordnet in one of " + ", ".join(nltk.data.path[:3])
        raise DataError(_MISSING.format(where=where if isinstance(error, LookupError) else error)) from error
    return wordnet


@lru_cache(1)
def _stemmer() -> Any:
    from nltk.stem import PorterStemmer

    return PorterStemmer()


def split_words(sentence: str) -> list[str]:
    """The words of a sentence as the Penn Treebank splits them: "isn't" is "is" and "n't"."""
    require_wordnet()
    from nltk.tokenize import word_tokenize

    return list(word_tokenize(sentence, preserve_line=True))  # of one sentence: no model is needed


@lru_cache(1 << 16)
def lemma(word: str) -> str:
    """The lemma in lower case. Without one, it is the Porter stem if WordNet has that, else the word itself."""
    wordnet, word = _wordnet(), word.lower()
    found = [(speech, base) for speech in _PARTS_OF_SPEECH if (base := wordnet.morphy(word, speech)) is not None]
    if found:
        return str(max(found, key=lambda each: _uses(each[1], each[0]))[1])
    stem = str(_stemmer().stem(word))
    return stem if wordnet.synsets(stem) else word


def _uses(base: str, speech: str) -> int:
    """How often a lemma is tagged as one part of speech in WordNet's texts."""
    synsets = _wordnet().synsets(base, speech)
    return sum(each.count() for synset in synsets for each in synset.lemmas() if each.name().lower() == base)


@lru_cache(1 << 16)
def wu_palmer(one: str, other: str) -> float:
    """Wu and Palmer's similarity in [0, 1] of the first synset of each word, of any part of speech.

    1 for equal words; 0 where a word has no synset, or no path leads from one to the other.
    """
    if one == other:
        return 1.0
    first, second = (_wordnet().synsets(word)[:1] for word in (one, other))
    return float(first[0].wup_similarity(second[0]) or 0.0) if first and second else 0.0
