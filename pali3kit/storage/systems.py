"""Opening fsspec's file systems: with timeouts, so that nothing hangs, and some attempts for errors that may pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pali3kit.config.paths import protocol
from pali3kit.config.urls import WEB, url_problem, without_secrets
from pali3kit.errors import DataError, Pali3Error, RefusedError, StorageError, first_line

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONNECT_SECONDS, READ_SECONDS = 30.0, 60.0  # without a connection, and without a byte
PAUSES = (0.5, 2.0)  # seconds before the second and the third attempt
_GONE, _REFUSED, _BUSY = (404, 410), (401, 403), (408, 425, 429)  # statuses of HTTP
T = TypeVar("T")


def open_system(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the path in it. To be called anew in each process: connections are not shared.

    Raises DataError for a URL that no installed package opens.
    """
    from fsspec.core import url_to_fs

    if problem := url_problem(url):
        raise DataError(problem)
    system, path = url_to_fs(url, **_options(protocol(url)))
    return system, path.rstrip("/")


def _options(name: str) -> dict[str, object]:
    """Timeouts, which each file system calls otherwise, and no listings of folders that were kept from before."""
    if name in WEB:
        from aiohttp import ClientTimeout

        # Its default, five minutes for a whole file, is too short for large ones and too long for a dead server.
        timeout = ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        return {"client_kwargs": {"timeout": timeout}}
    if name in ("s3", "s3a"):
        timeouts = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        return {"config_kwargs": timeouts, "use_listings_cache": False}
    return {"timeout": READ_SECONDS, "use_listings_cache": False} if name in ("gs", "gcs") else {}


def attempt(url: str, call: Callable[[], T]) -> T:
    """The result of `call`, which reads from `url`; it is called again after errors that may pass.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: anything else. Its message has no credentials, and neither has its traceback.
    """
    for pause in (*PAUSES, None):
        try:
            return call()
        except Pali3Error:
            raise
        except Exception as error:  # each file system has exceptions of its own
            cause = _cause(url, error)
            if isinstance(cause, FileNotFoundError) or _status(cause) in _GONE:
                raise FileNotFoundError(f"there is no {without_secrets(url)}") from None
            if pause is None or not _may_pass(cause):
                raise (RefusedError if _is_refused(cause) else StorageError)(_reason(url, cause)) from None
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _cause(url: str, error: Exception) -> Exception:
    """The error behind an error: of the web, fsspec says that a file is not there whatever kept it from asking."""
    cause = error.__cause__
    hides = isinstance(error, FileNotFoundError) and protocol(url) in WEB
    return cause if hides and isinstance(cause, Exception) else error


def _status(error: Exception) -> int:
    """The status of a response of HTTP, 0 for another error."""
    status = getattr(error, "status", 0)
    return status if isinstance(status, int) else 0


def _may_pass(error: Exception) -> bool:
    status = _status(error)
    if status:
        return status >= 500 or status in _BUSY
    return not isinstance(error, PermissionError | ImportError | ValueError | TypeError)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, PermissionError) or _status(error) in _REFUSED


def _reason(url: str, error: Exception) -> str:
    shown, told = without_secrets(url), without_secrets(first_line(error))
    if "range requests" in told:
        return f"{shown}: its server sends whole files alone, no ranges of bytes: copy the files to this machine."
    if _is_refused(error):
        return (
            f"{shown}: access is refused ({told}): set the credentials that fsspec reads. S3 also refuses to say that a"
            " file is not there."
        )
    return (
        f"{shown} cannot be read ({type(error).__name__}: {told}). Nothing was left out for it: run the same command"
        " again."
    )
