"""Frames a second on one core: 16 frames of each clip, by us and by torchcodec and decord.

    python speed/video.py [--rounds 7] [--side 320] [--seconds 12]

Clips are written with one key frame in ten, fifty and 250; each reader finds the same 16 frames, spread over the clip,
and makes RGB arrays of them at their own size. Medians of processor seconds, all readers in turn in every round.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from _common import interleaved, paired_ratio, print_setup, print_table

from pali3kit.data.video.decode import read_frames
from pali3kit.data.video.sampling import FrameSampling
from tests.clips import write_clip

FRAMES = 16


def ours(path: Path) -> np.ndarray:
    return np.stack(read_frames(path, FrameSampling(FRAMES, "ends")))


def by_torchcodec(path: Path) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC")
    indices = np.linspace(0, len(decoder) - 1, FRAMES).astype(int).tolist()
    return decoder.get_frames_at(indices).data.numpy()


def by_decord(path: Path) -> np.ndarray:
    import decord

    reader = decord.VideoReader(str(path), num_threads=1)
    return reader.get_batch(np.linspace(0, len(reader) - 1, FRAMES).astype(int)).asnumpy()


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "pali3kit (PyAV)": ours, "torchcodec": by_torchcodec, "decord": by_decord,
}  # fmt: skip


def usable(path: Path) -> dict[str, Callable[[Path], np.ndarray]]:
    """The readers that work on this machine, after a comparison of their frames with ours."""
    expected, found = ours(path).astype(int), {}
    for name, read in READERS.items():
        try:
            difference = np.abs(read(path).astype(int) - expected).mean()
        except Exception as error:
            print(f"{name} is left out: {type(error).__name__}: {str(error).splitlines()[0][:150]}")
            continue
        print(f"{name}: mean absolute difference of its pixels from ours {difference:.2f}")
        found[name] = read
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", type=int, default=320, help="width in pixels; the height is three quarters")
    parser.add_argument("--seconds", type=int, default=12, help="of a clip at 25 frames a second")
    options = parser.parse_args()
    print_setup()
    print(", ".join(f"{name} {version(name)}" for name in ("av", "torchcodec", "decord")))
    rows = []
    with TemporaryDirectory() as folder:
        for gap in (10, 50, 250):
            stamps = [40 * number for number in range(25 * options.seconds)]
            size = (options.side * 3 // 4, options.side)
            path = write_clip(Path(folder) / f"{gap}.mp4", stamps, "libx264", size=size, g=str(gap), preset="veryfast")
            readers = usable(path)
            seconds = interleaved({name: partial(read, path) for name, read in readers.items()}, options.rounds)
            first = next(iter(seconds))
            rows += [
                [str(gap), name, f"{FRAMES / median(each):.0f}", f"{paired_ratio(each, seconds[first]):.2f}"]
                for name, each in seconds.items()
            ]
    print_table(["key frame every", "reader", "frames/s", "its time / ours"], rows)


if __name__ == "__main__":
    main()
