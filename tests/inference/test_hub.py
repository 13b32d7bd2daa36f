"""The hub: pushed and downloaded again without a network, and what is said where that fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, Hub, running
from huggingface_hub import ModelCard, constants
from random_pali import MemoryCheckpoints, answer

from pali3kit.errors import WeightsError
from pali3kit.inference.hub import download, push
from pali3kit.inference.load import load_pali
from pali3kit.inference.pali import PaLI
from pali3kit.inference.saved import open_saved


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> MemoryCheckpoints:
    return MemoryCheckpoints(tmp_path_factory.mktemp("memory"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, an empty cache, and a token in the environment."""
    hub = Hub()
    with running(hub) as url:
        use(monkeypatch, url, tmp_path)
        yield hub


def use(monkeypatch: pytest.MonkeyPatch, url: str, folder: Path) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def test_what_is_pushed_is_what_is_downloaded(hub: Hub, memory: MemoryCheckpoints) -> None:
    assert push(memory, "me/pali", private=True, commit_message="First") == f"{hub.url}/me/pali"
    assert hub.private == {"me/pali"} and hub.messages == ["First"] and len(hub.objects) == 6
    found = open_saved(download("me/pali"))
    assert found.names == memory.names and torch.equal(answer(found, "vqav2"), answer(memory, "vqav2"))


def test_another_push_replaces_the_first_in_one_commit(hub: Hub, memory: MemoryCheckpoints) -> None:
    push(memory, "me/pali", max_shard_size=8000)
    first = hub.revision("me/pali")
    hub.commits["me/pali"][-1]["notes.txt"] = b"kept"
    push(memory, "me/pali")
    assert len(hub.commits["me/pali"]) == 2 and not [name for name in hub.commits["me/pali"][-1] if "-of-" in name]
    assert hub.commits["me/pali"][-1]["notes.txt"] == b"kept"
    assert not (download("me/pali") / "notes.txt").exists()
    assert list(download("me/pali", revision=first).glob("*-of-*"))


def test_the_licence_that_was_chosen_there_is_kept(
    hub: Hub, memory: MemoryCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = "---\nlicense: other\ntags:\n- pali-3\n---\n\n# Numbers {}\n"
    monkeypatch.setattr(memory, "documents", lambda: {"README.md": card.format("of today")})
    push(memory, "me/pali")
    own = card.format("of yesterday").replace("other", "mit\nlanguage: de")
    hub.commits["me/pali"][-1]["README.md"] = own.encode()
    push(memory, "me/pali")
    found = ModelCard(hub.commits["me/pali"][-1]["README.md"].decode())
    assert found.data.to_dict() == {"license": "mit", "language": "de", "tags": ["pali-3"]}
    assert found.text.strip() == "# Numbers of today"


def test_a_licence_that_is_chosen_here_replaces_none(
    hub: Hub, memory: MemoryCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = ["---\nlicense: other\nlanguage: de\n---\n", "---\nlicense: mit\n---\n"]
    monkeypatch.setattr(memory, "documents", lambda: {"README.md": cards.pop(0)})
    push(memory, "me/pali")
    push(memory, "me/pali")
    found = ModelCard(hub.commits["me/pali"][-1]["README.md"].decode())
    assert found.data.to_dict() == {"license": "mit", "language": "de"}


def test_what_is_in_the_cache_needs_no_hub(
    hub: Hub, memory: MemoryCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(memory, "me/pali")
    folder = download("me/pali")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert download("me/pali") == folder and hub.requests == []


def test_a_folder_that_is_there_is_not_looked_up(
    hub: Hub, memory: MemoryCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PaLI(memory).push_to_hub("me/pali") == f"{hub.url}/me/pali"
    monkeypatch.chdir(tmp_path)
    assert PaLI.from_pretrained("me/pali").checkpoints.names == memory.names
    PaLI(memory).save_pretrained("me/pali", checkpoints=["vqav2"])
    hub.requests.clear()
    assert PaLI.from_pretrained("me/pali").checkpoints.names == ("vqav2",) and hub.requests == []


@pytest.mark.parametrize("name", ["../pali", "/pali", "pali", "a/b/c", "a b/c", "./a"])
def test_no_name_of_a_repository(hub: Hub, memory: MemoryCheckpoints, name: str) -> None:
    for call, begin in (
        (lambda: download(name), f"there is no folder '{name}'."),
        (lambda: push(memory, name), f"'{name}' cannot be pushed to: a repository of the hub is named OWNER/NAME."),
    ):
        with pytest.raises(WeightsError, match=re.escape(begin)):
            call()
    assert hub.requests == []


@pytest.mark.parametrize("opened", [PaLI.from_pretrained, load_pali])
def test_a_folder_of_the_owner_means_a_folder(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[str], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    wanted = "there is no folder 'runs/pali3'. A repository of the hub is OWNER/NAME, with no folder OWNER here."
    with pytest.raises(WeightsError, match=re.escape(wanted)):
        opened("runs/pali3")
    assert hub.requests == []


def test_pushing_needs_a_token(hub: Hub, memory: MemoryCheckpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(WeightsError, match="me/pali cannot be pushed without a token: run 'hf auth login'"):
        push(memory, "me/pali")
    assert hub.requests == []


def told(message: str) -> str:
    assert "\n" not in message
    return re.sub(r"http://[\d.:]+", "HUB", message)


def test_refusals_of_the_hub(hub: Hub, memory: MemoryCheckpoints) -> None:
    hub.commits["me/there"] = [{}]
    private = "has no such repository, or it is private and the token may not read it"
    for call, message in [
        (
            lambda: push(memory, "me/pali", token="wrong"),
            "me/pali cannot be pushed: HUB does not accept the token",
        ),
        (lambda: push(memory, "others/pali"), "others/pali cannot be pushed: HUB does not let this token do so (403)."),
        (lambda: download("me/absent"), f"me/absent cannot be downloaded: HUB {private} (404)."),
        (lambda: download("me/absent", token="wrong"), f"me/absent cannot be downloaded: HUB {private} (401)."),
        (lambda: download("me/there", revision="v9"), "HUB has the repository, but no such revision."),
    ]:
        with pytest.raises(WeightsError) as caught:
            call()
        assert message in told(str(caught.value))


def test_without_a_network(memory: MemoryCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Hub()) as url:
        pass
    use(monkeypatch, url, tmp_path)
    for call, what in ((lambda: download("me/pali"), "downloaded"), (lambda: push(memory, "me/pali"), "pushed")):
        with pytest.raises(WeightsError) as caught:
            call()
        before = "there is no folder 'me/pali'. On the hub: " if what == "downloaded" else ""
        assert told(str(caught.value)).startswith(f"{before}me/pali cannot be {what}: HUB cannot be reached")


def test_a_misspelt_folder_is_told_before_the_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/pali3").mkdir(parents=True)
    (tmp_path / "runs/pali3/experiment.yaml").touch()
    with pytest.raises(WeightsError) as caught:
        PaLI.from_pretrained("run/pali3")
    wanted = (
        "there is no folder 'run/pali3'. Did you mean 'runs/pali3'? On the hub: run/pali3 cannot be downloaded: HUB"
    )
    assert told(str(caught.value)).startswith(wanted)
