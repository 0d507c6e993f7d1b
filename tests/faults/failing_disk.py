"""A disk that fails at the Nth write, fsync, rename or link, once or from then on.

What Python writes goes through a raw file whose `write` is one system call, so every call is seen,
also those of libraries. One that fails has first written half of its bytes, as a full disk does.
"""

import builtins
import io
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Failing:
    """Which call fails, with which errno, and whether all that follow fail too."""

    kind: str
    number: int
    error: int
    lasting: bool


class FailingDisk:
    """Counts what is done to files below `folder`, and lets one of those calls fail.

    Lasts as long as `monkeypatch`'s context.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = str(folder)
        self.counts: Counter[str] = Counter()
        self._failing: Failing | None = None
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", self._opening(io.open))
        monkeypatch.setattr(os, "fsync", self._named("fsync", os.fsync))
        for name, kind in (("replace", "rename"), ("rename", "rename"), ("link", "link")):
            monkeypatch.setattr(os, name, self._named(kind, getattr(os, name)))

    def fail(self, kind: str, number: int, error: int, lasting: bool) -> None:
        """Count anew; call `number` (from 1) of `kind` fails with errno `error`, or all from it."""
        self.counts.clear()
        self._failing = Failing(kind, number, error, lasting)

    def work(self) -> None:
        """Count anew, and let nothing fail."""
        self.counts.clear()
        self._failing = None

    def _failure(self, kind: str) -> OSError | None:
        self.counts[kind] += 1
        failing = self._failing
        if failing is None or failing.kind != kind or self.counts[kind] < failing.number:
            return None
        if self.counts[kind] > failing.number and not failing.lasting:
            return None
        return OSError(failing.error, os.strerror(failing.error))

    def _below(self, place: Any) -> bool:
        if isinstance(place, int):
            place = Path(f"/proc/self/fd/{place}").readlink()
        return os.fsdecode(place).startswith(self.folder)

    def _named(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(place: Any, *others: Any, **options: Any) -> Any:
            if self._below(place) and (failure := self._failure(kind)):
                raise failure
            return call(place, *others, **options)

        return watched

    def _opening(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        disk = self

        class RawFile(io.FileIO):
            def write(self, data: Any) -> int:
                if failure := disk._failure("write"):
                    super().write(bytes(data)[: len(data) // 2])
                    raise failure
                return super().write(data)

        def watched(file: Any, mode: str = "r", *others: Any, **options: Any) -> Any:
            writes = not set(mode).isdisjoint("wxa+")
            if not writes or isinstance(file, int) or not disk._below(file):
                return plain(file, mode, *others, **options)
            options |= zip(("buffering", "encoding", "errors", "newline"), others, strict=False)
            assert options.pop("buffering", -1) == -1, "a buffer size is not expected here"
            buffered = io.BufferedWriter(RawFile(file, mode.replace("b", "").replace("t", "")))
            return buffered if "b" in mode else io.TextIOWrapper(buffered, **options)

        return watched
