"""Clips of the embedded world written by a real codec, and read as published videos are. Needs the extra `video`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, cast

from pali3kit.data.video.decode import read_frames
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.world.clips import WorldClip
from pali3kit.errors import DataError
from pali3kit.images.ppm import ppm

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Codec = Literal["h264", "vp9"]
CODEC_VERSION = 1
"""To be increased when files are written otherwise, as by other options of an encoder: results are then made anew."""
FRAMES, RATE = 32, 8  # of a file, and of a second: a clip has four seconds
_WRITTEN: dict[Codec, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "mp4", {"crf": "18", "preset": "veryfast"}),
    "vp9": ("libvpx-vp9", "webm", {"crf": "18", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
}
"""FFmpeg's encoder, the container, and the options of the encoder."""


@lru_cache(1)
def coded_frames(clip: WorldClip, codec: Codec, frames: int) -> tuple[bytes, ...]:
    """As many `frames` of a clip as the codec leaves them, at the middles of equal parts of its time, as PPM files.

    Frame n of the file is what is seen at n / `FRAMES` of the clip, so that 1, 4, 8 or 16 frames are those that are
    drawn without a codec. The last clip is kept, since its frames are read one after another.

    Raises DataError where PyAV is not there, or has no such encoder.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, f"clip.{_WRITTEN[codec][1]}")
        write_clip(path, clip, codec)
        return tuple(map(ppm, read_frames(path, FrameSampling(frames))))


def write_clip(path: Path, clip: WorldClip, codec: Codec) -> None:
    """Write a clip as a video file, whose ending should be that of the codec's container. Raises as `coded_frames`."""
    try:
        import av
    except ImportError as error:
        raise DataError(f"clips with codec '{codec}' need PyAV: pip install 'pali3kit[video]'") from error
    encoder, _, options = _WRITTEN[codec]
    if encoder not in av.codecs_available:
        raise DataError(f"codec '{codec}': this PyAV has no encoder {encoder}")
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(encoder, rate=RATE, options=options))
        stream.width = stream.height = clip.scene.size
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1  # loader processes share the cores
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(clip.frame(number / FRAMES), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
