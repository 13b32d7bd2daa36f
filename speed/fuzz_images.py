"""40,000 damaged images in all formats: each is decoded or raises DataError, in less than 1 GB of memory.

    python speed/fuzz_images.py [--count 40000] [--first 0] [--workers 2] [--seconds 30]

Each is decoded to an array, upright and as stored, and its size is read. Workers are processes: if an image kills one,
the image's number is printed, and a new worker continues. `tests/images/damaged.py` makes the images from their
numbers; the default tests try some hundreds. `--largest` decodes undamaged images of the largest allowed size, and
prints the peak memory of the process and bytes per pixel, for `images.decode.BYTES_PER_PIXEL`. Only Linux reports
the peak of a single image.
"""

from __future__ import annotations

import argparse
import platform
import resource
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageCms, features

from pali3kit.errors import DataError
from pali3kit.images.decode import BYTES_PER_PIXEL, FORMATS, MAX_DECODING_BYTES, MAX_PIXELS, decode_image, read_size
from tests.images.damaged import damaged

GIGABYTE = 1_000_000_000
LIMIT = 6 * GIGABYTE  # of a worker's address space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--seconds", type=int, default=30, help="of the processor for an image, before it is reported as slow"
    )
    parser.add_argument("--largest", nargs="*", choices=FORMATS, metavar="FORMAT", help="all unless named")
    parser.add_argument("--decode", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(range(*options.work), options.seconds)
    elif options.decode:
        tell_decoded(options.decode[0], options.decode[1] == "1")
    elif options.largest is not None:
        largest(options.largest or FORMATS)
    else:
        fuzz(options)


def fuzz(options: argparse.Namespace) -> None:
    print(f"Python {platform.python_version()}, Pillow {PIL.__version__}, {platform.platform()}")
    names = ("jpg", "jpg_2000", "zlib", "libtiff", "webp", "avif")
    print(", ".join(f"{name} {features.version(name)}" for name in names), flush=True)
    end = options.first + options.count
    parts = [range(first, min(first + 1000, end)) for first in range(options.first, end, 1000)]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    peaks, slowest = defaultdict[str, int](int), defaultdict[str, float](float)
    bad = 0
    with ThreadPoolExecutor(options.workers) as pool:
        for lines in pool.map(lambda part: list(watched(part, options.seconds)), parts):
            for line in lines:
                number, kind, outcome, peak, seconds = line.split("\t")
                counts[kind][outcome] += 1
                peaks[kind] = max(peaks[kind], int(peak))
                slowest[kind] = max(slowest[kind], float(seconds))
                if outcome not in ("read", "DataError") or int(peak) > GIGABYTE:
                    bad += 1
                    print(f"image {number} ({kind}, {damaged(int(number)).how}): {outcome}, {int(peak) / 1e6:.0f} MB")
    print("| format | read | DataError | else | most memory, MB | slowest, s of CPU |\n|---|---|---|---|---|---|")
    for kind, found in counts.items():
        other = found.total() - found["read"] - found["DataError"]
        row = found["read"], found["DataError"], other, round(peaks[kind] / 1e6), f"{slowest[kind]:.1f}"
        print(f"| {kind} | " + " | ".join(map(str, row)) + " |")
    print(f"{sum(found.total() for found in counts.values())} images, {bad} bad")
    sys.exit(bad > 0)


def watched(part: range, seconds: int) -> Iterator[str]:
    """Yield the lines that workers print; if one dies, another continues after the image that killed it."""
    start = part.start
    while start < part.stop:
        command = [sys.executable, __file__, "--work", str(start), str(part.stop), "--seconds", str(seconds)]
        worker = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = worker.stdout.splitlines()
        yield from lines
        start += len(lines)
        if worker.returncode:
            yield f"{start}\t{damaged(start).kind}\tdied ({worker.returncode})\t0\t0"
            start += 1


def work(numbers: range, seconds: int) -> None:
    """Print a line for each image: number, format, outcome, peak memory of the process, seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    signal.signal(signal.SIGPROF, _too_slow)
    for number in numbers:
        image = damaged(number)
        _forget_peak()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        started = process_time()
        outcome = outcome_of(image.data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(number, image.kind, outcome, _peak(), round(process_time() - started, 2), sep="\t", flush=True)


class Slow(BaseException):
    """Not an Exception, so that it does not count as an error of the image."""


def _too_slow(*_: object) -> None:
    raise Slow


def outcome_of(data: bytes) -> str:
    try:
        size = np.asarray(decode_image(data, "x")).shape[:2]
        np.asarray(decode_image(data, "x", upright=False))
        return "read" if read_size(data, "x") == size else f"sizes {read_size(data, 'x')} and {size}"
    except DataError:
        pass
    except BaseException as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")
    for look in (lambda: decode_image(data, "x", upright=False), lambda: read_size(data, "x")):
        try:
            look()
        except DataError:
            pass
        except BaseException as error:
            return f"{type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")
    return "DataError"


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Peak bytes of the process since `_forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def largest(kinds: Sequence[str]) -> None:
    """Decode valid images of the most allowed pixels, each in a separate process."""
    print("| image | pixels, millions | most memory, MB | bytes a pixel |\n|---|---|---|---|", flush=True)
    for kind in kinds:
        side = int(min(MAX_PIXELS, MAX_DECODING_BYTES // BYTES_PER_PIXEL.get(kind, 1)) ** 0.5)
        for name, path in whole(kind, side):
            for upright in (True, False):
                command = [sys.executable, __file__, "--decode", str(path), str(int(upright))]
                told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
                before, peak = map(int, told)
                row = side * side / 1e6, peak / 1e6, (peak - before) / (side * side)
                how = "" if upright else ", as stored"
                print(f"| {kind}, {name}{how} | {row[0]:.1f} | {row[1]:.0f} | {row[2]:.1f} |", flush=True)


def whole(kind: str, side: int) -> Iterator[tuple[str, Path]]:
    """Images of the modes of a format, in a file that each next one overwrites."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = Image.fromarray(rng.integers(0, 256, (50, 50, 4), np.uint8)).resize((side, side), Image.Resampling.NEAREST)
    modes = {"RGBA": clear, "RGB": clear.convert("RGB")}
    modes |= {"CMYK": modes["RGB"].convert("CMYK"), "P": modes["RGB"].convert("P")}
    modes["16 bits"] = Image.fromarray(np.asarray(modes["RGB"].convert("L")).astype(np.uint16) * 257)
    ways: dict[str, list[dict[str, Any]]] = {
        "JPEG": [{}, {"progressive": True, "subsampling": 0}, {"exif": exif}],
        "WEBP": [{"method": 0}, {"lossless": True, "method": 0, "quality": 0}],
        "AVIF": [{"speed": 10}, {"speed": 10, "subsampling": "4:4:4", "exif": exif}],
        "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg", "strip_size": 1 << 30}],
        "PNG": [{"compress_level": 1}, {"compress_level": 1, "exif": exif}],
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        for name, image in modes.items():
            for options in ways.get(kind, [{}]):
                try:
                    image.copy().save(path, kind, **options)
                except (OSError, ValueError, RuntimeError):
                    continue  # the format lacks this mode
                yield f"{name} {', '.join(options)}".strip(), path


def tell_decoded(path: str, upright: bool) -> None:
    """Print the bytes of the process before, and the peak with an array of the image."""
    ImageCms.createProfile("sRGB")  # loaded before, whichever image needs it first
    data = Path(path).read_bytes()
    _forget_peak()
    before = _peak()
    np.asarray(decode_image(data, path, upright=upright))
    print(before, _peak())


if __name__ == "__main__":
    main()
