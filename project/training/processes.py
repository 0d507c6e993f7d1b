"""The devices of a run, one process for each: this process is rank 0 and starts the other ranks.

Only rank 0 holds the run's lock, reacts to signals and writes files. The others end with it.
(Lightning's own launcher would run the command line again.)
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import torch
from pytorch_lightning.strategies import DDPStrategy

from project.config.errors import ConfigurationError
from project.config.schema import Trainer
from project.runs.lifecycle import DivergedError
from project.runs.provenance import available_cores
from project.runs.spec import RunSpec

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
# Terminals and Slurm send these signals to all processes of a run. Ranks other than 0 block them.
NOT_FOR_RANKS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
TIMEOUT_SECONDS = 2.0  # to wait for the report of a failed rank, or for a finished rank to exit


class ProcessError(Exception):
    """A rank other than 0 failed or was killed, and the run failed with it."""

    exit_code = 1


class _Rank(NamedTuple):
    rank: int
    process: BaseProcess
    answers: Connection


class _Failure(NamedTuple):
    kind: str
    text: str
    trace: str


def check_devices(trainer: Trainer) -> None:
    """Raise ConfigurationError if this machine lacks the accelerator or the number of devices."""
    asked = f"trainer.devices={trainer.devices}"
    if trainer.accelerator in ("gpu", "cuda", "mps"):
        current = torch.accelerator.current_accelerator(check_available=True)
        wanted = ("cuda", "mps") if trainer.accelerator == "gpu" else (trainer.accelerator,)
        if current is None or current.type not in wanted:
            raise ConfigurationError(
                f"trainer.accelerator={trainer.accelerator}: torch sees none on this machine; use "
                "trainer=cpu"
            )
        count = torch.accelerator.device_count()
        if trainer.devices > count:
            raise ConfigurationError(f"{asked}: torch sees {count} on this machine")
    # Two CPU processes are allowed on any machine, for trying them out.
    elif trainer.devices > (most := max(2, available_cores())):
        raise ConfigurationError(
            f"{asked}: on CPUs a device is a process, which needs a core; at most {most} here"
        )


def trainer_arguments(section: Trainer, devices: int) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer that concern devices and processes."""
    is_cpu = section.accelerator == "cpu"
    arguments: dict[str, Any] = {"accelerator": section.accelerator, "devices": devices}
    if not is_cpu:
        arguments["deterministic"] = "warn"
    if devices > 1:
        arguments["strategy"] = DDPStrategy(process_group_backend="gloo" if is_cpu else None)
    return arguments


@contextmanager
def other_processes(spec: RunSpec, follow: Callable[[int], None]) -> Iterator[None]:
    """Context manager that starts the other processes of a run, if any, and kills them at the end.

    Each calls `follow`, which must be picklable, with its rank.

    Raises:
        ProcessError, DivergedError: Another rank failed, was killed, or its loss diverged.
    """
    count = spec.config["trainer"].get("devices", 1)
    if count == 1:
        yield
        return
    # A forked process starts immediately, but GPU state and thread pools do not survive a fork.
    can_fork = spec.threads == 1 and not torch.accelerator.is_available()
    environment = _environment(count)
    before = {name: os.environ.get(name) for name in environment}
    others: list[_Rank] = []
    try:
        os.environ.update(environment)
        for rank in range(1, count):
            others.append(_start(follow, rank, can_fork))
        for other in others:
            try:  # else rank 0 would wait for a rank that could not start in torch's rendezvous
                other.answers.recv()
            except EOFError:
                raise _ending(other) from None
        yield
    except RuntimeError as error:  # gloo's and NCCL's, when a peer is gone
        cause = _cause(others)
        if cause is None or f"{type(error).__name__}: {error}" in str(cause):
            raise
        raise cause from error
    finally:
        for other in others:
            other.process.kill()
            other.process.join()
            other.answers.close()
        # So that this process can join another group. NCCL's could wait for ranks that are gone.
        if torch.distributed.is_initialized() and torch.distributed.get_backend() == "gloo":
            torch.distributed.destroy_process_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _environment(count: int) -> dict[str, str]:
    """Return the environment variables by which Lightning's `ddp` finds the other processes."""
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    return {
        "MASTER_ADDR": LOOPBACK,
        "MASTER_PORT": str(port),
        "NODE_RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(count),
    }


def _start(follow: Callable[[int], None], rank: int, can_fork: bool) -> _Rank:
    context: Any = multiprocessing.get_context("fork" if can_fork else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_rank_main, args=(follow, rank, theirs), name=f"rank-{rank}", daemon=True
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_FOR_RANKS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Rank(rank, process, ours)


def _rank_main(follow: Callable[[int], None], rank: int, answers: Connection) -> None:
    """Run `follow`; report an exception to rank 0 and exit."""
    threading.Thread(target=_die_with_first_rank, daemon=True).start()
    logging.getLogger().handlers.clear()  # run.log is rank 0's
    os.environ["LOCAL_RANK"] = str(rank)
    try:
        answers.send(None)  # it has started
        follow(rank)
    except BaseException as error:
        with suppress(OSError):  # rank 0 may be gone
            answers.send(_Failure(type(error).__name__, str(error), traceback.format_exc()))
        os._exit(1)


def _die_with_first_rank() -> None:
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _cause(others: list[_Rank]) -> Exception | None:
    """Return the error of another rank that has died; None if all are alive."""
    ended = wait([other.process.sentinel for other in others], timeout=TIMEOUT_SECONDS)
    dead = (other for other in others if other.process.sentinel in ended)
    return next(map(_ending, dead), None)


def _ending(other: _Rank) -> Exception:
    """Return the error that a rank has reported, else one that says how its process ended."""
    with suppress(EOFError):
        if other.answers.poll():
            failure: _Failure = other.answers.recv()
            log.error("rank %d failed\n%s", other.rank, failure.trace)
            if failure.kind == DivergedError.__name__:
                return DivergedError(failure.text)
            return ProcessError(f"rank {other.rank}: {failure.kind}: {failure.text}")
    other.process.join(TIMEOUT_SECONDS)
    code = other.process.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"exited: {code}"
    return ProcessError(
        f"rank {other.rank} {how}; run the same command again to continue from the last checkpoint"
    )
