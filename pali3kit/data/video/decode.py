"""Frames of video files by time stamp, with PyAV: a broken, truncated or huge file raises DataError and nothing else.

Time stamps come from the packets of the file, as counts and durations in headers are often wrong or missing. Frames are
decoded one after another, from the key frame before each that is wanted, and only those that are wanted are converted.
Needs the extra `video`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EINVAL
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from pali3kit.data.video.last_read import noting_read
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.errors import DataError
from pali3kit.images.decode import MAX_PIXELS

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from typing_extensions import Buffer

VERSION = 1
"""To be increased when the same file gives other frames, so that artifacts made from them are recomputed."""
FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,mxf,nut,ivf"
"""The formats that are opened. Playlists are not among them: they may lead to other files, or into the network."""
MAX_PACKETS = 5_000_000  # a day at 60 frames a second
MAX_CLIP_PIXELS = 200_000_000  # of the frames of one clip together: 600 MB


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The time stamps of a video's frames, ascending, in the stream's unit of seconds `unit`.

    `keys` are those of key frames, and `end` is when the last frame is no longer shown.
    """

    stamps: Sequence[int]
    keys: Sequence[int]
    end: int
    unit: Fraction

    def segment(self, start: float | None, end: float | None) -> tuple[int, int]:
        """A segment in seconds from the first frame, in time stamps. A reversed one is turned, and what reaches beyond
        the video is cut. Raises DataError where nothing is left.
        """
        first, given = self.stamps[0], [each for each in (start, end) if each is not None]
        if len(given) == 2:
            start, end = sorted(given)
        begin = first if start is None else max(first, first + self._ticks(start))
        stop = self.end if end is None else min(self.end, first + self._ticks(end))
        if begin >= stop and not first <= begin < self.end:
            told = f"{start or 0:g} to {'the end' if end is None else f'{end:g}'}"
            raise DataError(f"seconds {told} are not in the video, which has {float(self.seconds):g}")
        return begin, max(stop, begin + 1)

    @property
    def seconds(self) -> Fraction:
        """How long the frames are shown."""
        return (self.end - self.stamps[0]) * self.unit

    def _ticks(self, seconds: float) -> int:
        return int(Fraction(repr(float(seconds))) // self.unit)  # of 0.3, not of the float just below it


class FilePart(NamedTuple):
    """A video that is a part of a file: `length` bytes from `offset`, called `name`."""

    path: Path
    name: str
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"


def read_frames(
    path: Path | FilePart, sampling: FrameSampling, start: float | None = None, end: float | None = None
) -> list[np.ndarray]:
    """The frames of a video that a rule chooses, uint8 `[H,W,3]`, upright as the file says.

    Args:
        path: a file, or a part of one.
        sampling: how many frames, and which.
        start: of the segment that they are chosen from, in seconds; by default the beginning.
        end: of the segment; by default the end.

    Raises:
        DataError: it has no video stream or no time stamps, is damaged, too large, or turned by another angle than a
            right one; or the segment is not in it.
    """
    with _as_data_error(path), noting_read(str(path)):
        with _opened(path) as (container, stream):
            times = _frame_times(container, stream)
            limits = times.segment(start, end)
            chosen = [times.stamps[index] for index in sampling.choose(times.stamps, *limits)]
            found = _searched(sorted(set(chosen)), _Player(container, stream, times.keys))
        if found is None:  # some formats are searched imprecisely: decode from the beginning
            with _opened(path) as (container, stream):
                found = _pixels_at(sorted(set(chosen)), _Player(container, stream))
        if found is None:
            raise DataError("the frames that were chosen cannot be decoded")
        return [found[stamp] for stamp in chosen]


@contextmanager
def _as_data_error(path: Path | FilePart) -> Iterator[None]:
    """Turn any exception into a DataError whose message starts with the path."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error.__cause__
    except Exception as error:  # FFmpeg and PyAV raise many for damaged files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable video: {reason}") from error


@contextmanager
def _opened(path: Path | FilePart) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        import av
    except ImportError as error:
        raise DataError("videos need PyAV: pip install 'pali3kit[video]'") from error
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    if isinstance(path, FilePart):
        file, address, end = path.path, f"subfile:file:{path.path}", path.offset + path.length
        options |= {"protocol_whitelist": "subfile,file", "start": str(path.offset), "end": str(end)}
    else:
        file, address = path, f"file:{path}"
    if not file.is_file():  # FFmpeg would take a name such as http://... for an address
        raise DataError("there is no such file")
    try:
        opened = av.open(address, options=options, metadata_errors="replace")
    except ValueError as error:
        if getattr(error, "errno", None) != EINVAL:  # FFmpeg's answer for a format that is not on the list
            raise
        raise DataError(f"not a readable video: its format is none of {FORMATS}") from error
    with opened as container:
        if not container.streams.video:
            raise DataError("it has no video stream")
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise DataError(f"{width}x{height} pixels are more than {MAX_PIXELS / 1e6:g} million")
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # also of frames whose size changes later
        stream.codec_context.thread_count = 1  # loader processes share the cores
        yield container, stream


def _frame_times(container: InputContainer, stream: VideoStream) -> FrameTimes:
    """Read the time stamps of all packets, without decoding them."""
    if stream.time_base is None:
        raise DataError("its frames have no unit of time")
    found: list[tuple[int, bool]] = []
    end = 0
    for packet in container.demux(stream):
        if not packet.size or packet.is_discard:  # the last one, which is empty; cut off by an edit list
            continue
        if packet.pts is None:
            raise DataError("its frames have no time stamps: put it into a container (ffmpeg -i FILE -c copy NEW.mkv)")
        if len(found) == MAX_PACKETS:
            raise DataError(f"it has more than {MAX_PACKETS} frames")
        found.append((packet.pts, packet.is_keyframe))
        end = max(end, packet.pts + (packet.duration or 0))
    if not found:
        raise DataError("it has no frames")
    found.sort()
    stamps = [stamp for stamp, _ in found]
    if end <= stamps[-1]:  # no duration is told: as long as the others on average
        end = stamps[-1] + max(1, (stamps[-1] - stamps[0]) // max(len(stamps) - 1, 1))
    return FrameTimes(stamps, [stamp for stamp, key in found if key], end, stream.time_base)


def _searched(times: Sequence[int], player: _Player) -> dict[int, np.ndarray] | None:
    """`_pixels_at`, or None where searching for key frames fails, as in files with a damaged index."""
    try:
        return _pixels_at(times, player)
    except DataError:
        raise
    except Exception:  # FFmpeg's
        return None


def _pixels_at(times: Sequence[int], player: _Player) -> dict[int, np.ndarray] | None:
    """The frames that are shown at ascending times, uint8 `[H,W,3]`; None where one of them is not found."""
    found: dict[int, np.ndarray] = {}
    for time in times:
        frame = player.shown_at(time)
        if frame is None:
            return None
        if frame.width * frame.height * len(times) > MAX_CLIP_PIXELS:
            raise DataError(f"{len(times)} frames of {frame.width}x{frame.height} pixels are too many.")
        found[time] = _upright(frame)
    return found


class _Player:
    """Decodes forward: from the last of the key frames `keys` before a time where that lies ahead, else from where the
    container is.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, keys: Sequence[int] = ()) -> None:
        self.container, self.stream, self.keys = container, stream, keys
        self._shown: VideoFrame | None = None
        self._ahead: VideoFrame | None = None
        self._frames = self._decoded()

    def _decoded(self) -> Iterator[VideoFrame]:
        return (frame for frame in self.container.decode(self.stream) if frame.pts is not None)

    def shown_at(self, time: int) -> VideoFrame | None:
        """The frame shown at a time, not before the last one asked for; None where decoding begins after it."""
        key = bisect_right(self.keys, time) - 1
        if key >= 0 and (self._shown is None or self.keys[key] > (self._shown.pts or 0)):
            self.container.seek(self.keys[key], stream=self.stream)
            self._shown = self._ahead = None
            self._frames = self._decoded()
        while self._shown is None or (self._shown.pts or 0) < time:
            frame = self._ahead or next(self._frames, None)
            self._ahead = None
            if frame is None:
                break
            if (frame.pts or 0) > time:
                self._ahead = frame
                break
            self._shown = frame
        return self._shown


def _upright(frame: VideoFrame) -> np.ndarray:
    """The pixels of a frame, uint8 `[H,W,3]`, turned or mirrored by its display matrix."""
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(cast("Buffer", matrix)), np.int32)[:5].tolist()
    if b == c == 0:
        across, down = a, d
    elif a == d == 0:
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        raise DataError("it is turned by another angle than a right one")
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
