"""The processes of a run on several devices: this one is rank 0, the others do its bidding.

Rank 0 alone holds the run's lock, heeds signals and writes. The others write nothing, so they may
be killed at any moment, and are, as soon as rank 0 has finished or failed; they end by themselves
when it dies.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch
import torch.distributed as dist

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
READY = "ready"
# Terminals and Slurm send these to all of a run's processes. They stay blocked in a rank for good.
NOT_FOR_RANKS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
# What a rank that has failed needs to say so, or one that is through to end.
PARTING_SECONDS = 2.0


class RankError(Exception):
    """A rank other than the first failed or was killed, and the run with it."""

    exit_code = 1


@dataclass(frozen=True)
class _Rank:
    rank: int
    process: BaseProcess
    says: Connection


@contextmanager
def ranks(
    count: int, accelerator: str, threads: int, work: Callable[[int], None]
) -> Iterator[None]:
    """While entered, this process is rank 0 of `count` and every other does `work(its rank)`.

    work: can be pickled. Raises RankError.
    """
    if count == 1:
        yield
        return
    backend = "nccl" if accelerator == "gpu" else "gloo"
    store = dist.TCPStore(LOOPBACK, 0, count, is_master=True, wait_for_workers=False)
    others: list[_Rank] = []
    try:
        # By value: torch would hand over the net's weights as memory that both sides write to.
        others += _start(count, backend, threads, store.port, pickle.dumps(work))
        _await(others)
        dist.init_process_group(backend, store=store, rank=0, world_size=count)
        yield
        dist.destroy_process_group()
        for other in others:
            other.process.join(PARTING_SECONDS)
    except RuntimeError as error:  # gloo's and NCCL's, when a peer is gone
        if (cause := _cause(others)) and f"{type(error).__name__}: {error}" not in cause:
            raise RankError(cause) from error
        raise
    finally:
        for other in others:
            other.process.kill()
            other.process.join()
            other.says.close()
        if dist.is_initialized():
            dist.destroy_process_group()


def _start(count: int, backend: str, threads: int, port: int, work: bytes) -> Iterator[_Rank]:
    # Forked processes begin at once, but neither a GPU nor a pool of threads survives the fork.
    forked = threads == 1 and not torch.accelerator.is_available()
    context = multiprocessing.get_context("fork" if forked else "spawn")
    for rank in range(1, count):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(  # type: ignore[attr-defined]
            target=_rank_main,
            args=(work, rank, count, backend, port, theirs),
            name=f"rank-{rank}",
            daemon=True,
        )
        before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_FOR_RANKS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        yield _Rank(rank, process, ours)


def _await(others: list[_Rank]) -> None:
    """Wait until all are there to meet; one that died on its way would be waited for in vain."""
    for other in others:
        try:
            said = other.says.recv()
        except EOFError:
            said = None
        if said != READY:
            raise RankError(_ended(other, said))


def _rank_main(
    work: bytes, rank: int, count: int, backend: str, port: int, says: Connection
) -> None:
    """Runs in the process of another rank than the first."""
    threading.Thread(target=_die_with_first_rank, daemon=True).start()
    logging.getLogger().handlers.clear()  # run.log is rank 0's
    try:
        task = pickle.loads(work)
        says.send(READY)
        store = dist.TCPStore(LOOPBACK, port, count, is_master=False)
        dist.init_process_group(backend, store=store, rank=rank, world_size=count)
        task(rank)
        dist.destroy_process_group()
    except BaseException as error:
        with suppress(OSError):  # rank 0 may be gone
            says.send((f"{type(error).__name__}: {error}", traceback.format_exc()))
        os._exit(1)


def _die_with_first_rank() -> None:
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _cause(others: list[_Rank]) -> str | None:
    """What a rank that is dead died of; None if all live."""
    ended = wait([other.process.sentinel for other in others], timeout=PARTING_SECONDS)
    first = next((other for other in others if other.process.sentinel in ended), None)
    return None if first is None else _ended(first, None)


def _ended(other: _Rank, said: object) -> str:
    with suppress(EOFError):
        if said is None and other.says.poll():
            said = other.says.recv()
    if isinstance(said, tuple):
        reason, trace = said
        log.error("rank %d failed\n%s", other.rank, trace)
        return f"rank {other.rank}: {reason}"
    other.process.join(PARTING_SECONDS)
    code = other.process.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"exited: {code}"
    return f"rank {other.rank} {how}; the same command goes on from the last checkpoint"
