"""A Ray cluster of several nodes on this machine: each a `ray start` with a folder of its own."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.sweeps import family, kill, proc_file, until

# The command `ray`, of this interpreter.
RAY = (sys.executable, "-c", "from ray.scripts.scripts import main; main()")


class Node:
    """`ray start --block` in a session of its own, with one CPU and its own temporary folder."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        self._log = folder / "log"
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                [*RAY, "start", *words, "--num-cpus=1", "--block"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"TMPDIR": str(folder)} | environment,
            )

    def await_start(self) -> None:
        """Wait until it belongs to the cluster."""

        def running() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return "Ray runtime started" in self._log.read_text()

        until(running, "the node starts")

    @property
    def address(self) -> str:
        """Its IP address, as the others see it."""
        match = re.search(r"Local node IP: (\S+)", self._log.read_text())
        assert match is not None, self._log.read_text()
        return match[1]

    def kill_raylet(self) -> None:
        """SIGKILL for the process that makes it a node; the others of the node have to notice."""
        for each in family(self.process.pid):
            if b"raylet/raylet" in proc_file(each.pid, "cmdline").split(b"\0")[0]:
                kill(each.pid)

    def end(self) -> None:
        """SIGKILL for all of it."""
        while processes := family(self.process.pid):
            for each in processes:
                kill(each.pid)
        self.process.wait()


class Cluster:
    """A head and further nodes; who is to join it needs `environment`."""

    def __init__(self) -> None:
        # Not pytest's: the names of sockets may have 107 letters.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))
        self.nodes: list[Node] = []
        self.environment = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
        }
        with socket.create_server(("", 0)) as server:
            self._port = server.getsockname()[1]
        head = self._start("--head", f"--port={self._port}", "--include-dashboard=false")
        head.await_start()
        self.address = f"{head.address}:{self._port}"

    def add(self, **environment: str) -> Node:
        """One more node, at an address of its own on the loopback."""
        own = f"--node-ip-address=127.0.0.{1 + len(self.nodes)}"
        node = self._start(f"--address={self.address}", own, **environment)
        node.await_start()
        return node

    def _start(self, *words: str, **environment: str) -> Node:
        folder = self._folder / f"node-{len(self.nodes)}"
        self.nodes.append(Node(folder, *words, **self.environment, **environment))
        return self.nodes[-1]

    def end(self) -> None:
        """Leave no process behind."""
        for node in reversed(self.nodes):
            node.end()
        shutil.rmtree(self._folder)
