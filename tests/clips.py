"""Small video files whose frames tell their number, written with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (32, 64)  # height, width
BITS = 8
MILLISECOND = Fraction(1, 1000)
AUDIO_RATE = 8000


def numbered(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A frame uint8 `[H,W,3]`, whose upper half has the bits of its number as bars, white for 1, and a red corner."""
    height, width = size
    frame = np.full((height, width, 3), 128, np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        frame[: height // 2, bit * bar : (bit + 1) * bar] = 235 if number >> bit & 1 else 20
    frame[-height // 4 :, : width // 4] = (220, 30, 30)
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a frame tells."""
    bar = frame.shape[1] // BITS
    row = frame[frame.shape[0] // 4].mean(-1)
    return sum(int(row[bit * bar + bar // 2] > 128) << bit for bit in range(BITS))


def write_clip(
    path: Path,
    frames: int | Sequence[int] = 20,
    codec: str = "mpeg4",
    *,
    size: tuple[int, int] = SIZE,
    rotation: int = 0,
    audio: bool = False,
    video: bool = True,
    format: str | None = None,
    pixels: str = "yuv420p",
    muxing: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write `frames`: how many, 100 ms apart, or their time stamps in milliseconds. `options` are the codec's."""
    stamps = [100 * number for number in range(frames)] if isinstance(frames, int) else frames
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=format, options=muxing or {}) as container:
        sound = container.add_stream("aac", rate=AUDIO_RATE) if audio else None
        if video:
            stream = container.add_stream(codec, rate=10, options=options)
            stream.height, stream.width, stream.pix_fmt = *size, pixels
            stream.codec_context.time_base = MILLISECOND
            stream.codec_context.thread_count = 1
            if rotation:
                stream.set_display_rotation(rotation)
            for number, stamp in enumerate(stamps):
                frame = av.VideoFrame.from_ndarray(numbered(number, size), format="rgb24")
                frame.pts, frame.time_base = stamp, MILLISECOND
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if sound is not None:
            samples = np.zeros((1, AUDIO_RATE), np.float32)
            noise = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            noise.sample_rate, noise.pts = AUDIO_RATE, 0
            container.mux(sound.encode(noise))
            container.mux(sound.encode())
    return path
