"""Clips in awkward forms against FFmpeg's own program, and damaged ones: what is read is right, or refused by name.

    python speed/video_forms.py [--damaged 1000] [--seconds 20]

Of each clip FFmpeg extracts all frames with their time stamps. Ours, by each rule, should be those that FFmpeg shows at
the times that the rule asks for, with the same pixels but for rounding. As members of a tar they must give the same
pixels as the files, or the same refusal. Then damaged files are read in a process whose memory is limited, every other
one as a part of a larger file: it must live, and each file must be read or refused in time.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tarfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import av
import numpy as np

from pali3kit.data.video import decode
from pali3kit.data.video.decode import FilePart, read_frames
from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.data.video.tars import VideoTars
from pali3kit.errors import DataError
from tests.clips import number_of, write_clip

UNEVEN = [0, 40, 80, 120, 1000, 1040, 2500, 2533, 2566, 4000, 4001, 7000]
LATE = [5000 + 40 * number for number in range(16)]
CODECS = (
    ("mp4", "libx264", {"g": "6", "bf": "2"}),
    ("mp4", "mpeg4", {"g": "50"}),
    ("mp4", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:bframes=2"}),
    ("mkv", "libx264", {"g": "50", "bf": "3"}),
    ("mkv", "ffv1", {}),
    ("webm", "libvpx", {"g": "6", "deadline": "realtime"}),
    ("webm", "libvpx-vp9", {"g": "6", "deadline": "realtime", "cpu-used": "8"}),
    ("avi", "mpeg4", {"g": "6"}),
    ("avi", "mjpeg", {"pixels": "yuvj420p"}),
    ("ts", "libx264", {"g": "6", "bf": "2"}),
    ("ts", "mpeg4", {"g": "6"}),
    ("flv", "flv", {"g": "6"}),
    ("mov", "prores", {"pixels": "yuv422p10le"}),
)
STAMPS = {"even": list(range(0, 1200, 100)), "uneven": UNEVEN, "late": LATE}
RULES: tuple[tuple[int, Rule], ...] = ((1, "middles"), (5, "middles"), (4, "ends"), (16, "ends"))
GIGABYTE = 1 << 30


def clips(folder: Path) -> Iterator[Path]:
    """Sixty files: codecs and containers with even, uneven and late time stamps, and other oddities."""
    for number, (ending, codec, options) in enumerate(CODECS):
        for form, stamps in STAMPS.items():
            yield write_clip(folder / f"{number}-{codec}-{form}.{ending}", stamps, codec, **options)
    base = CODECS[0][2]
    for angle in (90, 180, -90, 45):
        yield write_clip(folder / f"turned{angle}.mp4", 12, "libx264", rotation=angle, **base)
    for frames in (1, 2):
        yield write_clip(folder / f"frames{frames}.mp4", frames, "libx264", **base)
        yield write_clip(folder / f"frames{frames}.webm", frames, "libvpx", **CODECS[5][2])
    yield write_clip(folder / "sound.mp4", 12, "libx264", audio=True, **base)
    yield write_clip(folder / "sound-alone.mp4", video=False, audio=True)
    yield write_clip(folder / "fragments.mp4", 12, "libx264", muxing={"movflags": "frag_keyframe+empty_moov"}, **base)
    yield write_clip(folder / "odd.mp4", 12, "mpeg4", size=(34, 70))
    yield write_clip(folder / "raw.h264", 12, "libx264", **base)
    yield write_clip(folder / "live.mkv", 12, "libx264", muxing={"live": "1"}, **base)  # no duration, no index
    yield write_clip(folder / "renamed.jpg", 12, "libx264", format="mp4", **base)
    yield write_clip(folder / "fast.mp4", 12, "libx264", muxing={"movflags": "faststart"}, **base)
    for name, share in (("0-libx264-even.mp4", 0.9), ("fast.mp4", 0.6), ("3-libx264-even.mkv", 0.6),
                        ("5-libvpx-even.webm", 0.5), ("9-libx264-even.ts", 0.6)):  # fmt: skip
        data = (folder / name).read_bytes()
        path = folder / f"cut-{name}"
        path.write_bytes(data[: int(len(data) * share)])
        yield path


def extracted(path: Path) -> dict[int, np.ndarray] | None:
    """Every frame that FFmpeg's program shows, by its time stamp; None where it extracts none."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-copyts", "-i", str(path), "-map", "0:v:0", "-vf", "showinfo"]
    command += ["-vsync", "0", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    told = done.stderr.decode(errors="replace")
    found = re.findall(r"\bpts: *(-?\d+) .*? s:(\d+)x(\d+) ", told)
    if not found or not done.stdout:
        return None
    width, height = map(int, found[0][1:])
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return dict(zip((int(stamp) for stamp, _, _ in found), frames, strict=False))


def compare(path: Path) -> str:
    """Whether frames are equal, or the refusal. Raises AssertionError where a frame is another one than FFmpeg's."""
    theirs = extracted(path)
    try:
        for frames, rule in RULES:
            compare_by(path, FrameSampling(frames, rule), theirs)
    except DataError as error:
        told = str(error).removeprefix(f"{path}: ")
        return f"refused: {told}; FFmpeg extracts {len(theirs or ())} frames"
    return "equal"


def compare_by(path: Path, sampling: FrameSampling, theirs: dict[int, np.ndarray] | None) -> None:
    ours = read_frames(path, sampling)
    assert theirs is not None, f"{path.name}: FFmpeg extracts nothing"
    with decode._opened(path) as (container, stream):
        times = decode._frame_times(container, stream)
    chosen = [times.stamps[index] for index in sampling.choose(times.stamps, times.stamps[0], times.end)]
    shown = sorted(theirs)
    for stamp, frame in zip(chosen, ours, strict=True):
        expected = theirs[shown[max(bisect_right(shown, stamp) - 1, 0)]]
        assert frame.shape == expected.shape, f"{path.name}: {frame.shape} for {expected.shape}"
        difference = np.abs(frame.astype(int) - expected).mean()
        told = f"{path.name}, {sampling}: at {stamp} frame {number_of(frame)} for {number_of(expected)}"
        assert difference < 2, f"{told}, which differ by {difference:.1f}"


def outcome(video: Path | FilePart, sampling: FrameSampling) -> list[bytes] | str:
    """The frames, or why there are none."""
    try:
        return [frame.tobytes() for frame in read_frames(video, sampling)]
    except DataError as error:
        return str(error).removeprefix(f"{video}: ")


def same_in_tar(folder: Path, paths: list[Path]) -> Iterator[bool]:
    """Whether each video gives as the member of a tar what it gives as a file, by each rule."""
    with tarfile.open(folder / "all.tar", "w") as tar:
        for path in paths:
            tar.add(path, path.name)
    tars = VideoTars(str(folder / "all.tar"))
    for path in paths:
        member = tars.find(path.name)
        assert member is not None
        yield all(outcome(member, rule) == outcome(path, rule) for rule in (FrameSampling(*each) for each in RULES))


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with bytes changed, a part lost or repeated, or its end cut off."""
    content = bytearray(data)
    way = int(rng.integers(4))
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 200))
    if way == 0:
        for place in rng.integers(len(content), size=int(rng.integers(1, 30))):
            content[place] = int(rng.integers(256))
    elif way == 1:
        del content[start : start + length]
    elif way == 2:
        content[start:start] = content[start : start + length]
    else:
        del content[start:]
    return bytes(content)


def read_damaged(folder: Path, first: int, count: int) -> None:
    """In a process of its own: print each file's number before it is read, and then what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * GIGABYTE, 2 * GIGABYTE))
    bases = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size < 60_000)
    for number in range(first, count):
        rng = np.random.default_rng(number)
        base = bases[number % len(bases)]
        path = folder / "damaged" / f"damaged{base.suffix}"
        path.parent.mkdir(exist_ok=True)
        content = damage(base.read_bytes(), rng)
        around = base.read_bytes()[:512] if number % 2 else b""
        path.write_bytes(around + content + around)
        video = FilePart(path, "member", len(around), len(content)) if around else path
        print(number, base.name, flush=True)
        start = process_time()
        try:
            read_frames(video, FrameSampling(4))
            result = "read"
        except DataError:
            result = "refused"
        print(f"{result} {process_time() - start:.3f}", flush=True)


def try_damaged(folder: Path, count: int, seconds: int) -> None:
    """Read damaged files in a process, which is replaced where it dies; print what came of them."""
    results: Counter[str] = Counter()
    number, slowest = 0, 0.0
    while number < count:
        command = [sys.executable, __file__, "--work", str(folder), str(number), str(count)]
        limited = lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds * 30, seconds * 30))  # noqa: E731
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=limited) as process:
            assert process.stdout is not None
            name = ""
            for line in process.stdout:
                word, rest = line.split(maxsplit=1)
                if word in ("read", "refused"):
                    results[word] += 1
                    slowest = max(slowest, float(rest))
                    name, number = "", number + 1
                else:
                    name = rest.strip()
        if number < count:
            results["died"] += 1
            print(f"damaged {number} of {name}: the process ended with {process.returncode}")
            number += 1
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{count} damaged files: {dict(results)}; the slowest took {slowest:.2f} s of the processor; {peak:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--damaged", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help="of the processor for a file, times 30 for a process")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    av.logging.set_level(None)
    if options.work:
        read_damaged(Path(options.work[0]), *map(int, options.work[1:]))
        return
    with TemporaryDirectory() as folder:
        results: Counter[str] = Counter()
        paths = list(clips(Path(folder)))
        for path in paths:
            try:
                result = compare(path)
            except AssertionError as error:
                result = f"WRONG: {error}"
            results[result.partition(":")[0]] += 1
            if result != "equal":
                print(f"{path.name}: {result}")
        version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
        print(f"{sum(results.values())} clips against FFmpeg {version} with PyAV {av.__version__}: {dict(results)}")
        same = sum(same_in_tar(Path(folder), paths))
        print(f"in a tar, {same} of {len(paths)} give the same frames or the same refusal as the file")
        (Path(folder) / "all.tar").unlink()
        try_damaged(Path(folder), options.damaged, options.seconds)


if __name__ == "__main__":
    main()
