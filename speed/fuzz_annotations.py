"""Damaged annotation files of every format: each must be read, or refused by DataError, within a gigabyte and seconds.

    python speed/fuzz_annotations.py [--trials 5000] [--seed 0] [--only tsv]

A small valid file is damaged: bytes are changed, cut or doubled, numbers and texts replaced by extreme ones, encodings
and compressions changed, headers of tars falsified. Each trial is a separate process, so that crashes are recorded. The
exit code is 1 if anything else happened than reading or refusing.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import os
import re
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from _annotations import FORMATS, use

from pali3kit.errors import Pali3Error

SECONDS, MEMORY = 20, 1 << 30  # limits of a trial: its time, and its growth of memory
NUMBERS = (b"-1", b"0", b"1e308", b"1e999", b"NaN", b"-Infinity", b"9" * 400, b"9" * 5000, b"4294967296", b"1.5",
           b"9223372036854775808", b"null", b"true", b"[]", b'"x"', b"100000000")  # fmt: skip
TEXTS = (b"", b" ", b"\\ud83d", b"\\u0000", b"../../../etc/passwd", b"/etc/passwd", b"x" * 5000, b"\xff\xfe", b"\0",
         b'"',         b"a\tb", b"a\nb", "é\u202e".encode(), b"\\", b"<b>", b"=1+1")  # fmt: skip
VALUES = (b"null", b"[]", b"{}", b"7", b"true", b'"x"', b"NaN", b"[" * 100_000, b'[["a"]]', b'{"a": 1}', b"-0.0")
SIZES = (b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"00000000001\0", b"-0000000512\0",
         b"\x80" + bytes(6) + b"\x7f" * 5)  # fmt: skip
"""Sizes of a tar member: 8 GiB, beyond all limits, negative, 1, negative, half a TiB."""
PACKINGS = {".gz": gzip, ".bz2": bz2}
Damage = Callable[[bytes, np.random.Generator], bytes]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 20)) if data else 0):
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def without(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 60))
    return data[:start] + data[start + length :]


def doubled(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 600))
    return data[: start + length] + data[start:]


def inserted(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(data) + 1))
    return data[:start] + rng.bytes(int(rng.integers(1, 40))) + data[start:]


def _replaced(pattern: bytes, choices: tuple[bytes, ...]) -> Damage:
    def damage(data: bytes, rng: np.random.Generator) -> bytes:
        found = list(re.finditer(pattern, data))
        if not found:
            return flipped(data, rng)
        place = found[int(rng.integers(len(found)))]
        return data[: place.start(1)] + choices[int(rng.integers(len(choices)))] + data[place.end(1) :]

    return damage


@cache
def bomb() -> bytes:
    """200 kB that decompress to 200 MiB."""
    return gzip.compress(bytes(200 << 20), 9, mtime=0)


def wrapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Compressed, in another encoding, with other line ends, doubled, or empty."""
    text = data.decode(errors="replace")
    forms = (
        lambda: gzip.compress(data, mtime=0), lambda: bz2.compress(data), lambda: gzip.compress(data, mtime=0)[:-9],
        bomb, lambda: bz2.compress(data)[:-9], lambda: b"",
        lambda: text.encode("utf-16"), lambda: text.encode("utf-16-le"), lambda: b"\xef\xbb\xbf" + data,
        lambda: data.replace(b"\n", b"\r"), lambda: data.replace(b"\n", b"\r\n"), lambda: data + data,
        lambda: b"\xfd7zXZ\0" + data, lambda: b"(\xb5/\xfd" + data, lambda: b"PK\3\4" + data, lambda: bytes(2000),
    )  # fmt: skip
    return forms[int(rng.integers(len(forms)))]()


def header(data: bytes, rng: np.random.Generator) -> bytes:
    """A falsified tar header with a correct checksum."""
    starts = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
    if not starts:
        return flipped(data, rng)
    at = starts[int(rng.integers(len(starts)))]
    block = bytearray(data[at : at + 512])
    if rng.integers(2):
        block[124:136] = SIZES[int(rng.integers(len(SIZES)))]
    else:
        block[156:157] = b"012345678xgLKSNXV"[(n := int(rng.integers(16))) : n + 1]
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return data[:at] + bytes(block) + data[at + 512 :]


DAMAGES: tuple[Damage, ...] = (
    flipped, cut, without, doubled, inserted, wrapped, header,
    _replaced(rb"(-?\d+(?:\.\d+)?)", NUMBERS), _replaced(rb"(-?\d+(?:\.\d+)?)", NUMBERS),
    _replaced(rb'"([^"]*)"', TEXTS), _replaced(rb"([A-Za-z]+)", TEXTS),
    _replaced(rb'(?::|,|\[)\s*("[^"]*"|\[|\{|\d+)', VALUES),
)  # fmt: skip


def damaged(data: bytes, name: str, rng: np.random.Generator) -> bytes:
    """Damage a file once, sometimes twice; of a compressed file, half of the time its content."""
    packing = next((of for ending, of in PACKINGS.items() if name.endswith(ending)), None)
    if packing and rng.integers(2):
        return packing.compress(damaged(packing.decompress(data), "", rng))
    for _ in range(int(rng.integers(1, 3))):
        data = DAMAGES[int(rng.integers(len(DAMAGES)))](data, rng)
    return data


@cache
def usual(name: str) -> int:
    """How many records of an undamaged file are refused, as images without labels are."""
    with tempfile.TemporaryDirectory() as folder:
        FORMATS[name].write(Path(folder))
        return use(FORMATS[name].use(Path(folder)))


def trial(name: str, folder: Path, seed: int) -> str:
    """Damage a file of a format in an empty folder, and read it.

    Returns:
        "read", "refused" (more than of an undamaged file), or any other outcome.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    files = sorted(FORMATS[name].write(folder))
    file = files[int(rng.integers(len(files)))]
    file.write_bytes(damaged(file.read_bytes(), file.name, rng))
    try:
        return "refused" if use(FORMATS[name].use(folder)) > usual(name) else "read"
    except Pali3Error:
        return "refused"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:80]} ({Path(where.filename).name}:{where.lineno})"


def alone(name: str, seed: int) -> str:
    """Run a trial in a separate process."""
    usual(name)  # imports the modules of the format
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(SECONDS)
            held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
            os.write(theirs, trial(name, Path(folder), seed).encode(errors="replace"))
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            told = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        return told if not status else f"ended by {signal.Signals(status & 127).name}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one format")
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(FORMATS)
    bomb()  # once, for all processes
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[tuple[str, str], int] = {}
    for number in range(arguments.trials):
        name, seed = names[number % len(names)], arguments.seed + number // len(names)
        told = alone(name, seed)
        outcomes[name][told if told in ("read", "refused") else "other"] += 1
        if told not in ("read", "refused"):
            examples.setdefault((name, told), seed)
    for name, counts in outcomes.items():
        print(f"{name:24} read {counts['read']:5} refused {counts['refused']:5} other {counts['other']:5}")
    total = sum(outcomes.values(), Counter())
    print(f"{'all':24} read {total['read']:5} refused {total['refused']:5} other {total['other']:5}")
    for (name, told), seed in examples.items():
        print(f"{name}, seed {seed}: {told}")
    return int(bool(total["other"]))


if __name__ == "__main__":
    sys.exit(main())
