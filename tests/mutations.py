"""Damaged experiments: random mutations of the shipped YAML files, and files made to hurt.

`speed/fuzz_configs.py` tries thousands of them, `test_mutations.py` some hundred.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
OVERRIDDEN = (
    "name", "scale", "seeds", "grid", "grid.pretrain", "baseline.pretrain", "evaluate", "model.image_size",
    "model.vision", "model.vision.size", "model.vision.weights", "model.projector", "model.language.width",
    "model.mask_tokenizer",
    "tokenizer.file", "tokenizer.vocabulary", "data.source", "data.source.parts.a", "data.source.parts.a.path",
    "data.tasks.vqa", "data.train", "stages.vision.optimizer.name", "stages.vision.text.width",
    "stages.multimodal.mixture.ocr", "stages.resolution.steps", "stages.transfer.benchmarks.vqa", "stages.lit.source",
    "stages.linear.epochs", "evaluation.probes.a", "evaluation.labelled.path", "published.probe.value", "runtime.runs",
    "runtime.store", "runtime.memory", "runtime.devices",
)  # fmt: skip
VALUES = (
    "", "~", "null", "''", "[]", "{}", "{a: 1}", "[1, [2, [3]]]", "yes", "true", "-1", "0", "1", "3", "7.5",
    "1e999", "-.inf",
    ".nan", "NaN", "0x1f", "0o17", "1_000", "1__0", "9" * 400, "-" + "9" * 30, "1e-400", "0." + "3" * 400,
    "1" + "0" * 5000,
    "4294967296", "18446744073709551616", "1000003", "1:30", "2001-01-01", "!!bool maybe", "!!int x", "!!int ''",
    "!!float wide", "!!null 1", "!!timestamp x", "!!timestamp 2001-01-01", "!!binary x", "!!binary '!!'",
    "!!set {a, b}",
    "!!omap [a: 1]", "!!pairs [a: 1]", "!!str", "!!str {a: 1}", "!!map [1]", "!!seq {a: 1}",
    "!!python/object:os.system x",
    "!!python/name:os.system", "!local {a: 1}", "!", "!!", "!<tag:x> 1", "*nowhere", "&a *a", "&a [*a]", "&a {<<: *a}",
    "{<<: 1}", "{<<: [1, {a: 2}]}", "<<", "=", "{? [1, 2] : 3}", "{? {a: 1} : 3}", "{: 1}", "{~: 1}", "{1: 2}",
    "{a: 1, a: 2}", "${", "${}", "${.}", "${..}", "${a", "${name}", "${data}", "${data.train}",
    "${data.train}${data.train}",
    "${grid}", "${model.vision}", "${no.such}", "${oc.env:HOME}", "${oc.env:PATH,x}", "${oc.create:{a: 1}}",
    "${oc.decode:'1e999'}", "${oc.dict.keys:data}", "${foo:bar}", "${name:}", "\\${name}", "${${name}}", "${stages}",
    "${seeds[0]}", "${seeds[9]}", "${seeds.x}", '"\\0"', '"\\x1b[31m"', '"\\ud800"', '"\\UFFFFFFFF"', '"\\U00110000"',
    '"\\', '"', "'", "|", ">-\n  x", "- a", "? a", ": a", "a: b", "{", "}", "[", "]", "[" * 40, "[" * 600, "{a: " * 600,
    "[" * 600 + "]" * 600, "%YAML 9.9", "---", "...", "# x", "@x", "`x`", "x" * 300, "x" * 5000, "~/r", "../..", "/",
    "/dev/null", "/proc/self/environ", "a\tb", "\u202e", "\ufeff", "\ud7ff", "name", "union", "world", "hf", "hf/",
    "hf/~/m",
    "hf/./m", "timm/", "timm/x", "open_clip/", "open_clip/x", "vit", "vti", "linear", "resampler", "adamw",
    "adamx", "store",
    "{name: vit}", "{name: }", "{name: [vit]}", "{nmae: vit}", "{name: union, parts: {a: world}}", "[x, y, z]",
    "[0, 0]",
    "{name: union, parts: {a: {name: union, parts: {b: {name: coco, path: x}}}}}", "{name: union, parts: []}",
    "{name: adamw}", "{name: muon, momentum: x}", "[0.5]", "[probe]", "[caption, refer]", "[nothing]", "classif",
    "random",
)  # fmt: skip
KEYS = (
    "", "~", "name", "nmae", "a[b]", "grid[0]", "seeds[9]", "steps[x]", "a.b", ".", "..", "a." * 600 + "a",
    "${name}", "<<",
    "? [a]", "x" * 2000, "*a", "&a b", "!!int x", '"\\0"', "1", "true", "__class__", "options", "parts", "stages",
)  # fmt: skip
SIGNS = "\0\a\b\t\n\r\x1b\x7f\x85\xa0\u200b\u2028\u202e\ufeff\ufffe{}[]:,#&*!|>'\"%@`-?$~<=\\ 0aé界😀"
BYTES = (b"\xff", b"\xfe\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x80", b"\xf8\x88\x80\x80\x80", b"\0", b"\xef\xbb\xbf")


@dataclass(frozen=True)
class Case:
    """An experiment's file, its scale's files by name, and overrides, which may hold bytes that are no text."""

    label: str
    file: bytes
    scales: dict[str, bytes]
    overrides: tuple[str, ...] = ()

    def write(self, folder: Path) -> list[str]:
        """Write the files into an empty folder; return the arguments of `check` for them."""
        (folder / "scales").mkdir()
        for name, content in self.scales.items():
            (folder / "scales" / f"{name}.yaml").write_bytes(content)
        (folder / "x.yaml").write_bytes(self.file)
        return [str(folder / "x.yaml"), *self.overrides]


def mutations(number: int, seed: int = 0) -> Iterator[Case]:
    """So many random cases; the n-th of a seed is always the same."""
    scales = {file.stem: file.read_text() for file in sorted((EXPERIMENTS / "scales").glob("*.yaml"))}
    files = [file.read_text() for file in sorted(EXPERIMENTS.glob("*.yaml"))]
    for index in range(number):
        rng = random.Random(f"{seed}:{index}")
        texts, file, overrides = dict(scales), rng.choice(files), []
        own = next((each for each in scales if re.search(rf"^scale: {each}\b", file, re.MULTILINE)), "smoke")
        for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
            where = rng.random()
            if where < 0.45:
                file = rng.choice(CHANGES)(rng, file)
            elif where < 0.75:
                texts[own] = rng.choice(CHANGES)(rng, texts[own])
            else:
                overrides.append(_override(rng))
        case = Case(f"{seed}:{index}", _encoded(file), {name: _encoded(text) for name, text in texts.items()})
        case = replace(case, overrides=tuple(overrides))
        yield replace(case, file=_damaged(rng, case.file)) if rng.random() < 0.15 else case


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _override(rng: random.Random) -> str:
    """`key=value` as a shell would hand it over: without NUL, other bytes as surrogates."""
    key = rng.choice(OVERRIDDEN) if rng.random() < 0.85 else rng.choice(KEYS)
    text = f"{key}={rng.choice(VALUES)}"
    if rng.random() < 0.1:
        text = f"{text}{rng.choice(BYTES).decode('utf-8', 'surrogateescape')}"
    return text.replace("\0", "\x01")


def _lines(change: Callable[[random.Random, list[str], int], None]) -> Callable[[random.Random, str], str]:
    def changed(rng: random.Random, text: str) -> str:
        lines = text.splitlines(keepends=True) or ["\n"]
        change(rng, lines, rng.randrange(len(lines)))
        return "".join(lines)

    return changed


def _drop(_: random.Random, lines: list[str], at: int) -> None:
    del lines[at]


def _double(rng: random.Random, lines: list[str], at: int) -> None:
    lines.insert(rng.randrange(len(lines)), lines[at])


def _swap(rng: random.Random, lines: list[str], at: int) -> None:
    other = rng.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def _indent(rng: random.Random, lines: list[str], at: int) -> None:
    lines[at] = rng.choice((" ", "  ", "\t", "      ")) + lines[at] if rng.random() < 0.5 else lines[at].lstrip()


def _value(rng: random.Random, lines: list[str], at: int) -> None:
    lines[at] = re.sub(r"(?<=: ).*$", lambda _: rng.choice(VALUES), lines[at])


def _inner(rng: random.Random, lines: list[str], at: int) -> None:
    """Another value in the middle of a line, `{name: vit, width: HERE, depth: 2}`."""
    found = list(re.finditer(r"(?<=: )[^{}\[\],:#\n]+", lines[at]))
    if found:
        one = rng.choice(found)
        lines[at] = lines[at][: one.start()] + rng.choice(VALUES) + lines[at][one.end() :]


def _key(rng: random.Random, lines: list[str], at: int) -> None:
    found = list(re.finditer(r"\w+(?=:)", lines[at]))
    if found:
        one = rng.choice(found)
        word = one[0][::-1] if rng.random() < 0.3 else rng.choice(KEYS)
        lines[at] = lines[at][: one.start()] + word + lines[at][one.end() :]


def _added(rng: random.Random, lines: list[str], at: int) -> None:
    indent = re.match(r" *", lines[at])
    lines.insert(at, f"{indent[0] if indent else ''}{rng.choice((*KEYS, *OVERRIDDEN))}: {rng.choice(VALUES)}\n")


def _sign(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(SIGNS) * rng.choice((1, 1, 3, 50)) + text[at:]


def _without(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.choice((1, 2, 10, 100)) :]


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _digits(rng: random.Random, text: str) -> str:
    """Another number for one that stands there."""
    found = list(re.finditer(r"\d[\d_.e-]*", text))
    one = rng.choice(found) if found else None
    new = rng.choice(("0", "-1", "2", "3", "0.5", "17", "100000", str(rng.randrange(1 << 40)), "1e30", "9" * 25))
    return text[: one.start()] + new + text[one.end() :] if one else new


CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    *map(_lines, (_drop, _double, _swap, _indent, _value, _value, _inner, _inner, _inner, _key, _key, _added)),
    _sign, _without, _cut, _digits, _digits,
)  # fmt: skip


def _damaged(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    kind = rng.randrange(4)
    if kind == 0:
        return content[:at] + rng.choice(BYTES) + content[at:]
    if kind == 1 and content:
        at = at % len(content)
        return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
    if kind == 2:
        encoding = rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037"))
        return content.decode("utf-8", "replace").encode(encoding, "replace")
    return b"\xef\xbb\xbf" + content


def crafted() -> Iterator[Case]:
    """Cases that were thought of: bombs, nesting, numbers, thousands of keys, in the file and on the command line."""
    scales = {file.stem: file.read_bytes() for file in sorted((EXPERIMENTS / "scales").glob("*.yaml"))}
    whole = (EXPERIMENTS / "ablate_classif.yaml").read_bytes()

    def case(label: str, more: str | bytes = b"", *overrides: str, instead: bool = False) -> Case:
        added = more.encode("utf-8", "surrogatepass") if isinstance(more, str) else more
        return Case(label, added if instead else whole + b"\n" + added, scales, overrides)

    for i, value in enumerate(VALUES):
        yield case(f"value {i} of a key", f"paper: {value}\n")
        yield case(f"value {i} as a file", value, instead=True)
    for i, key in enumerate(KEYS):
        yield case(f"key {i}", f"{key}: 1\n")
        yield case(f"key {i} of the grid", instead=True, more=whole.replace(b"  pretrain:", f"  {key}:".encode()))
    for key in OVERRIDDEN:
        for value in (
            "1e999",
            "9" * 400,
            '"\\0"',
            '"\\ud800"',
            "!!timestamp x",
            "[" * 600,
            "${oc.env:HOME}",
            "x" * 5000,
        ):
            yield case(f"{key}={value[:20]}", b"", f"{key}={value}")
    for name, text in _bombs():
        yield case(name, text)
    for name, content in _encodings(whole):
        yield case(name, content, instead=True)
    for name, words in _command_lines():
        yield case(name, b"", *words)


def _bombs() -> Iterator[tuple[str, str]]:
    nine = ", ".join(["*a{0}"] * 9)
    steps = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{i}: &a{i} [{nine.format(i - 1)}]" for i in range(1, 40))]
    yield "alias bomb of lists", "\n".join(steps)
    maps = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{p: *a{i - 1}, q: *a{i - 1}}}" for i in range(1, 60))]
    yield "alias bomb of mappings", "\n".join(maps)
    yield "alias bomb below the grid", "grid:\n" + "".join(f"  {line}\n" for line in steps)
    merged = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], y{i}: 1}}" for i in range(1, 400))]
    yield "alias bomb of merges", "\n".join(merged)
    yield "text bomb", "\n".join(["b0: xxxxxxxxx", *(f"b{i}: ${{b{i - 1}}}${{b{i - 1}}}" for i in range(1, 60))])
    yield "list bomb", "\n".join(["b0: [x, x]", *(f"b{i}: ['${{b{i - 1}}}', '${{b{i - 1}}}']" for i in range(1, 60))])
    yield (
        "map bomb",
        "\n".join(["b0: {x: 1}", *(f"b{i}: {{p: '${{b{i - 1}}}', q: '${{b{i - 1}}}'}}" for i in range(1, 60))]),
    )
    yield "chain of interpolations", "\n".join(["b0: x", *(f"b{i}: ${{b{i - 1}}}" for i in range(1, 3000))])
    yield "deep chain", "\n".join(["b0: x", *(f"b{i}: [['${{b{i - 1}}}']]" for i in range(1, 600))])
    yield "ring of interpolations", "p: ${q}\nq: ${r}\nr: ${p}\n"
    yield "itself", "p: {q: '${p}'}\n"
    for depth in (30, 100, 600, 20_000):
        yield f"{depth} brackets", "p: " + "[" * depth + "]" * depth
        yield f"{depth} braces", "p: " + "{q: " * depth + "1" + "}" * depth
        yield f"{depth} open brackets", "p: " + "[" * depth
    yield "600 indents", "".join(f"{' ' * i}k{i}:\n" for i in range(600))
    yield "5000 unknown keys", "".join(f"key_{i}: 1\n" for i in range(5000))
    yield "5000 unknown keys below a section", "runtime:\n" + "".join(f"  key_{i}: 1\n" for i in range(5000))
    yield "5000 doubled keys", "paper: table1\n" * 5000
    yield "5000 columns", "evaluate: [" + ", ".join(f"column_{i}" for i in range(5000)) + "]"
    yield "5000 axes", "grid: {" + ", ".join(f"axis_{i}: [1]" for i in range(5000)) + "}"
    yield "2000 axes of two", "grid: {" + ", ".join(f"data.a{i}: [1, 2]" for i in range(2000)) + "}"
    yield "5000 expectations", "published: {" + ", ".join(f"e{i}: 1" for i in range(5000)) + "}"
    yield "5000 seeds", f"seeds: {list(range(5000))}"
    yield "one cell too many", "grid: {data.train: [" + ", ".join(map(str, range(100, 5100))) + "]}"
    yield "a million cells", "grid: {data.train: %s, data.test: %s}" % ((list(range(100, 1100)),) * 2)
    yield "a long text", "paper: " + "x" * 5_000_000
    yield "a long key", "x" * 1000 + ": 1"
    yield "a long number", "seeds: [" + "9" * 200_000 + "]"
    yield "many documents", "---\na: 1\n" * 2000
    yield "many comments", "# x\n" * 200_000
    yield "large prime sides", "grid: {model.image_size: [1000000007, 999999999999999989]}"


def _encodings(whole: bytes) -> Iterator[tuple[str, bytes]]:
    text = whole.decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp037"):
        yield encoding, text.encode(encoding)
    yield "latin-1", b"name: caf\xe9\n" + whole
    yield "nothing", b""
    yield "zeros", b"\0" * 1000
    yield "an image", b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    yield "old Mac lines", whole.replace(b"\n", b"\r")
    yield "Windows lines", whole.replace(b"\n", b"\r\n")
    for byte in range(256):
        yield f"byte {byte:#04x}", whole.replace(b"name: ablate", b"name: abl" + bytes([byte]) + b"ate")


def _command_lines() -> Iterator[tuple[str, list[str]]]:
    yield "no key", ["=1"]
    yield "no text", ["name=\udcff\udcfe"]
    yield "a key that is no text", ["\udcff=1", "name.\udcff=1"]
    yield "deep key", ["a." * 5000 + "a=1"]
    yield "deep parts", ["data.source" + ".parts.a" * 400 + ".name=world"]
    yield "a deep axis", ["grid." + "a." * 5000 + "a=[1]"]
    yield "500 overrides", [f"data.train={i}" for i in range(500)]
    yield "500 unknown overrides", [f"key_{i}=1" for i in range(500)]
    yield "500 sections", [f"data.key_{i}.x=1" for i in range(500)]
    yield "an axis that is one value", ["grid.pretrain=siglip"]
    yield "a grid that is nothing", ["grid=null", "baseline=null"]
    yield "a grid that is a list", ["grid=[1]"]
    yield "an indexed key", ["seeds[0]=1", "stages.resolution.steps[0].examples=1"]
    yield "a bomb", [f"data.source={{a: &a [x,x,x,x], b: &b [*a,*a,*a,*a], c: [{'*b,' * 2000}]}}"]
    yield "a text bomb", ["name=${scale}" + "${scale}" * 1000]
    yield (
        "a huge grid",
        ["grid.data.train=" + str(list(range(100, 1100))), "grid.data.test=" + str(list(range(50, 99)))],
    )
    yield "one huge number", ["model.image_size=" + "9" * 100_000]
