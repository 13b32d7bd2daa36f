"""The Hugging Face hub: a PaLI as a repository, one commit for the whole folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, constants, get_token, metadata_load, metadata_save, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from pali3kit import __version__
from pali3kit.config.hub_id import is_hub_id, nearest_folder, require_on_hub
from pali3kit.config.saved_pali import CARD_FILE, FILES
from pali3kit.errors import WeightsError, first_line
from pali3kit.inference.card import UNCHOSEN_LICENSE
from pali3kit.inference.checkpoints import Checkpoints
from pali3kit.inference.saved import save

_NO_CONNECTION = {"ConnectionError", "TransportError", "LocalEntryNotFoundError"}
"""Of requests and offline mode, of httpx, and of a cache that does not have the files either."""


def push(
    checkpoints: Checkpoints,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    commit_message: str = "Upload a PaLI",
    max_shard_size: int | str = "5GB",
) -> str:
    """Upload all checkpoints as the repository `owner/name`, which is created if need be. Returns its address.

    What the model card there has at its top (`license`, `tags`, ...) is kept, but a licence that was not chosen
    (`other`); all else of it is replaced.

    Args:
        checkpoints: what is uploaded.
        repo_id: `owner/name`.
        private: whether a new repository is private; by default as the owner's settings say.
        token: of the hub; by default that of `hf auth login`, or of `HF_TOKEN`.
        commit_message: of the one commit, which also removes the files of an earlier upload.
        max_shard_size: as `save` takes it.

    Raises WeightsError, in one line, where there is no token, it may not write there, or the hub cannot be reached.
    """
    if not is_hub_id(repo_id):
        raise WeightsError(f"'{repo_id}' cannot be pushed to: a repository of the hub is named OWNER/NAME.")
    if not (token or get_token()):
        raise WeightsError(
            f"{repo_id} cannot be pushed without a token: run 'hf auth login', set HF_TOKEN, or give token=."
        )
    api = HfApi(token=token, library_name="pali3kit", library_version=__version__)
    with TemporaryDirectory() as above, _in_one_line(repo_id, "pushed"):
        folder = Path(above) / "pali"
        save(checkpoints, folder, max_shard_size=max_shard_size)
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        _keep_metadata(api, repo_id, folder / CARD_FILE)
        api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=commit_message,
            allow_patterns=[*FILES],
            delete_patterns=[*FILES],
        )
    return str(address)


def _keep_metadata(api: HfApi, repo_id: str, card: Path) -> None:
    """Lay the metadata of the repository's card, where its owner chose a licence, over that of a new one."""
    try:
        theirs = metadata_load(api.hf_hub_download(repo_id, CARD_FILE))
    except LocalEntryNotFoundError:  # no connection, which says nothing about the card
        raise
    except EntryNotFoundError:
        return
    if theirs:
        own = (metadata_load(card) if card.is_file() else None) or {}
        chosen = {key: value for key, value in theirs.items() if (key, value) != ("license", UNCHOSEN_LICENSE)}
        metadata_save(card, {**own, **chosen})


def download(repo_id: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """The folder of the repository `owner/name` in the hub's cache; what is not there is downloaded.

    `revision` is a branch, tag or commit. Raises WeightsError, in one line, where there is no such repository or
    revision, a folder OWNER is here (`config.hub_id`), or the hub cannot be reached and the cache lacks it; it begins
    with the folder that was not found before.
    """
    require_on_hub(repo_id)
    with _in_one_line(repo_id, "downloaded", f"there is no folder '{repo_id}'.{nearest_folder(repo_id)} On the hub: "):
        return Path(
            snapshot_download(
                repo_id,
                revision=revision,
                token=token,
                allow_patterns=[*FILES],
                library_name="pali3kit",
                library_version=__version__,
            )
        )


@contextmanager
def _in_one_line(repo_id: str, what: str, before: str = "") -> Iterator[None]:
    """Raise what the hub's library may raise as a WeightsError of one line, which begins with `before`."""
    try:
        yield
    except (WeightsError, KeyboardInterrupt):
        raise
    except Exception as error:  # of several HTTP libraries, too
        raise WeightsError(f"{before}{repo_id} cannot be {what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    hub, response = constants.ENDPOINT, getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(error, RevisionNotFoundError):
        return f"{hub} has the repository, but no such revision."
    if status == 403:
        return f"{hub} does not let this token do so (403)."
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return f"{hub} has no such repository, or it is private and the token may not read it ({status})."
    if status == 401:
        return f"{hub} does not accept the token (401): run 'hf auth login'."
    if _NO_CONNECTION.intersection(each.__name__ for each in type(error).__mro__):
        return f"{hub} cannot be reached."
    return f"{hub}: {first_line(error)}"
