"""Connection to a Ray cluster, or a new one on this machine, and checks that it can run jobs."""

import logging
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from project.config.errors import ConfigurationError
from project.launchers.ray.probe import differences, installed
from project.launchers.ray.settings import RaySettings
from project.runs.provenance import PACKAGES

CONNECT_TIMEOUT = 3.0
PROBE_TIMEOUT = 60.0  # a node starts a process and unpacks the code; a cold disk may take its time
# Holds what nodes send to the driver, and the data once; Ray's default is a third of the memory.
OBJECT_STORE_BYTES = 512 * 1024**2


@contextmanager
def joined(settings: RaySettings, code: Path) -> Iterator[None]:
    """Connect this process to a Ray cluster inside the `with` block.

    Args:
        settings: The keys of the launcher. A cluster that is started for it ends with the block.
        code: Folder with the code that Ray copies to the nodes.

    Raises:
        ConfigurationError: No cluster answers, it does not accept this process, none of its nodes
            has the resources, or a node's packages differ from this machine's.
    """
    address = settings.address
    if address is not None and address != "auto":
        _check_answers(address)
    handler = signal.getsignal(signal.SIGTERM)
    # Ray never removes its logs. The name is short because a socket's path has at most 107 bytes.
    own = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
    options: dict[str, Any] = {"address": address or "local"}
    if address is None:
        # Normal priority, as the jobs of the local launcher have.
        os.environ.setdefault("RAY_worker_niceness", "0")
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        options["_temp_dir"] = own.name
    try:
        ray.init(
            **options,
            runtime_env={"working_dir": str(code)},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        signal.signal(signal.SIGTERM, handler)  # which Ray has replaced by its own
        nodes = [node for node in living_nodes() if slots(node, settings)]
        if not nodes:
            raise ConfigurationError(_too_much(settings))
        _check_nodes(nodes)
        yield
    except (OSError, RuntimeError, RayError) as error:
        # Ray's message says what is wrong: other versions, another token, `auto` where no Ray runs,
        # a temporary folder whose name is too long.
        if ray.is_initialized():
            raise
        words = " ".join(str(error).split())
        raise ConfigurationError(
            f"hydra.launcher.address={address or 'null'}: {words} (if the cluster asks for a "
            "token, set RAY_AUTH_TOKEN here)"
        ) from None
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, handler)
        own.cleanup()


def _check_answers(address: str) -> None:
    """Raise ConfigurationError if no Ray answers there; `ray.init` would wait for minutes."""
    match = re.fullmatch(r"([^:/]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", address)
    if match is None or int(match[2]) > 65535:
        raise ConfigurationError(
            f"hydra.launcher.address={address}: must be null, auto, or HOST:PORT of the cluster's "
            "head (the port is 6379 unless `ray start` was given another)"
        )
    import grpc

    try:
        host = match[1].strip("[]")
        socket.create_connection((host, int(match[2])), timeout=CONNECT_TIMEOUT).close()
        if os.environ.get("RAY_USE_TLS") in (None, "", "0"):
            no_proxy = [("grpc.enable_http_proxy", 0)]
            with grpc.insecure_channel(address, options=no_proxy) as channel:
                grpc.channel_ready_future(channel).result(timeout=CONNECT_TIMEOUT)
    except (OSError, grpc.FutureTimeoutError) as error:
        raise ConfigurationError(
            f"hydra.launcher.address={address}: no Ray answers there; is the cluster up "
            f"(`ray start --head` on its head, `ray status` there)? {error}".rstrip()
        ) from None


def living_nodes() -> list[dict[str, Any]]:
    """Return Ray's description of each node that is alive."""
    return [node for node in ray.nodes() if node["Alive"]]


def slots(node: dict[str, Any], settings: RaySettings) -> int:
    """Return how many jobs can run at the same time on a node, given Ray's description of it."""
    has = node["Resources"]
    return min(int(has.get(name, 0) // amount) for name, amount in settings.needs.items())


def _too_much(settings: RaySettings) -> str:
    keys = {"CPU": ("num_cpus", 1), "GPU": ("num_gpus", 1), "memory": ("memory_gb", 1e9)}

    def spelled(amounts: dict[str, float]) -> str:
        return ", ".join(
            f"{key}={amounts.get(name, 0) / unit:.4g}"
            for name, (key, unit) in keys.items()
            if name in settings.needs
        )

    there = "\n  ".join(f"{_name(node)}: {spelled(node['Resources'])}" for node in living_nodes())
    asked = spelled(settings.needs)
    return f"no node of the cluster has what hydra.launcher asks for a job, {asked}:\n  {there}"


def _name(node: dict[str, Any]) -> str:
    return f"node {node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _check_nodes(nodes: list[dict[str, Any]]) -> None:
    """Raise ConfigurationError if a node has other versions or cannot start a task."""
    exact = ("python", "ray", *PACKAGES)
    packages = ("ray", *dict.fromkeys((*PACKAGES, *_required())))
    here = installed(packages)
    probe = ray.remote(installed)
    answers = [
        probe.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote(packages)
        for node in nodes
    ]
    wrong = []
    for node, answer in zip(nodes, answers, strict=True):
        try:
            found = differences(ray.get(answer, timeout=PROBE_TIMEOUT), here, exact)
        except RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            found = [f"cannot start a task: {lines[-1].strip()}"]
        wrong += [f"{_name(node)}: {difference}" for difference in found]
    if wrong:
        raise ConfigurationError(
            "the cluster's nodes need the same versions as this machine "
            f"({sys.executable}), or results would not be comparable:\n  " + "\n  ".join(wrong)
        )


def _required() -> list[str]:
    """Return the names of the packages that this project requires; none if it is not installed."""
    try:
        lines = requires("honest-ablations") or []
    except PackageNotFoundError:  # this project is used without being installed
        return []
    return [re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line]
