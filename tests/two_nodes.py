"""Two nodes on this machine, and programs that torchrun starts on them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from launching import environment


@dataclass
class Node:
    """A network namespace with an address of its own; without namespaces, another address of this machine."""

    address: str
    name: str = ""

    @property
    def inside(self) -> list[str]:
        return ["ip", "netns", "exec", self.name] if self.name else []

    @property
    def interface(self) -> dict[str, str]:
        return {"GLOO_SOCKET_IFNAME": "pali3"} if self.name else {}


@contextmanager
def two_nodes() -> Iterator[list[Node]]:
    """Two nodes that are connected, until the end of the context."""
    found = [Node(f"10.251.7.{i + 1}", f"pali3kit-{os.getpid()}-{i}") for i in range(2)]
    (first, second), quietly = found, {"capture_output": True, "check": False}
    commands = [
        *(f"ip netns add {node.name}" for node in found),
        f"ip -n {first.name} link add pali3 type veth peer name pali3 netns {second.name}",
        *(f"ip -n {node.name} addr add {node.address}/24 dev pali3" for node in found),
        *(f"ip -n {node.name} link set {device} up" for node in found for device in ("lo", "pali3")),
    ]
    try:
        usable = shutil.which("ip") and not any(subprocess.run(c.split(), **quietly).returncode for c in commands)
        yield found if usable else [Node("127.0.0.1"), Node("127.0.0.2")]
    finally:
        for node in found if shutil.which("ip") else ():
            subprocess.run(["ip", "netns", "del", node.name], **quietly)


def torchrun(
    nodes: Sequence[Node], program: Sequence[str], *, devices: int = 1, **variables: str
) -> list[subprocess.Popen[str]]:
    """Start a program, `-m` and a module or a file, with its arguments by torchrun on all nodes. The environment has
    `variables` too.
    """
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(nodes)), "--nproc-per-node", str(devices),
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{nodes[0].address}:{free_port()}",
    ]  # fmt: skip

    def start(node: Node) -> subprocess.Popen[str]:
        # by itself torchrun does not find out that an address in a namespace is its own
        own = ["--local-addr", node.address, "--rdzv-conf", f"is_host={int(node is nodes[0])}"]
        return subprocess.Popen(
            [*node.inside, *command, *own, *program],
            env=environment(**node.interface, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return list(map(start, nodes))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ended(processes: Sequence[subprocess.Popen[str]], seconds: float = 400) -> list[str]:
    """What the processes printed, all of which must have succeeded."""
    outputs = [process.communicate(timeout=seconds)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return outputs
