"""Kill a sweep at random, type it again, until it has been killed often; then compare bytes.

    python -m tests.faults.campaign --kills 100 --seed 0

Killed are the launcher (in its start-up as well), jobs at any moment, jobs in the middle of
writing a checkpoint or another file, before and after their first checkpoint, and the server from
which jobs are forked; every kind at least once, however fast the machine is.
Whenever the sweep is complete, its results are held against those of an undisturbed one, and it
begins anew. What is drawn follows from the seed; what it hits, from the machine.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.sweeps import EPOCHS, Sweep, kill, results

TWELVE_RUNS = ("model=basic,ws_al,ws_al_bn,ws_al_do", "seed=range(3)")
START_UP_SECONDS = 4.0
MEAN_SECONDS_BETWEEN_KILLS = 0.7
CHECKPOINTED = "writing job with a checkpoint"
VICTIMS = {"job": 0.3, "writing job": 0.2, CHECKPOINTED: 0.2, "launcher": 0.2, "server": 0.1}


class Campaign:
    """Kills sweeps of `words` in `folder`; `say` is told every step."""

    def __init__(
        self, folder: Path, words: tuple[str, ...], seed: int, say: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.words = words
        self.random = random.Random(seed)
        self.say = say
        self.kills: Counter[str] = Counter()
        self.typed = 0
        self.complete = 0
        self.resumed = 0

    def run(self, kills: int) -> None:
        """Raise AssertionError where a killed sweep differs from an undisturbed one."""
        began = time.monotonic()
        undisturbed = Sweep(self.folder / "undisturbed", *self.words)
        assert undisturbed.wait() == 0, undisturbed.errors
        self.expected = results(self.folder / "undisturbed")
        self.say(f"undisturbed: {len(self.expected)} runs in {time.monotonic() - began:.1f} s")
        outputs = self.folder / "killed"
        while self._victims(kills) or outputs.exists():
            sweep = Sweep(outputs, *self.words)
            self.typed += 1
            killed_jobs = self._disturb(sweep, kills)
            sweep.await_end_of_family()
            if sweep.process.returncode == 0:
                self._compare(outputs)
            elif sweep.process.returncode != -9:
                assert (sweep.process.returncode, killed_jobs) == (1, True), sweep.errors

    def _victims(self, kills: int) -> list[str]:
        """Whom to kill next: anyone until there are enough `kills`, then the kinds still spared."""
        if self.kills.total() < kills:
            return list(VICTIMS)
        return [victim for victim in VICTIMS if victim not in self.kills]

    def _disturb(self, sweep: Sweep, kills: int) -> bool:
        """Kill at random until the launcher has ended; returns whether jobs were killed."""
        killed_jobs = False
        if self.kills.total() < kills and self.random.random() < 0.25:
            self._pause(sweep, self.random.uniform(0, START_UP_SECONDS))
            if not sweep.jobs():
                self._kill(sweep, "launcher", "launcher in its start-up")
        while sweep.process.poll() is None and not sweep.jobs():
            time.sleep(0.01)
        while sweep.process.poll() is None:
            victims = self._victims(kills)
            if not victims:
                sweep.wait()
                break
            self._pause(sweep, self.random.expovariate(1 / MEAN_SECONDS_BETWEEN_KILLS))
            (victim,) = self.random.choices(victims, [VICTIMS[each] for each in victims])
            killed_jobs |= self._kill(sweep, victim, victim) and victim != "launcher"
        return killed_jobs

    def _pause(self, sweep: Sweep, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and sweep.process.poll() is None:
            time.sleep(0.002)

    def _kill(self, sweep: Sweep, victim: str, name: str) -> bool:
        if sweep.process.poll() is not None:
            return False
        if victim == "launcher":
            sweep.kill()
        else:
            candidates = {
                "job": sweep.jobs,
                "writing job": lambda: self._writing(sweep, beside="."),
                CHECKPOINTED: lambda: self._writing(sweep, beside="last.ckpt"),
                "server": sweep.servers,
            }[victim]()
            if not candidates or not kill(self.random.choice(candidates)):
                return False
        self.kills[name] += 1
        self.say(f"kill {self.kills.total()}: {name}")
        return True

    def _writing(self, sweep: Sweep, beside: str) -> list[int]:
        """Wait for a job that writes a file `beside` another; the new file's name says which."""
        while sweep.process.poll() is None:
            written = sweep.outputs.glob("runs/*/*/.*.tmp")
            writers = {
                int(path.name.split(".")[-2]) for path in written if (path.parent / beside).exists()
            } & set(sweep.jobs())
            if writers:
                return sorted(writers)
        return []

    def _compare(self, outputs: Path) -> None:
        found = results(outputs)
        assert found.keys() == self.expected.keys()
        for name, expected in self.expected.items():
            for part, one, other in zip(PARTS, found[name], expected, strict=True):
                assert one == other, f"{part} of {name} differs from that of an undisturbed run"
        self.resumed += sum(
            path.read_text().count("resuming from") for path in outputs.glob("runs/*/*/run.log")
        )
        self.complete += 1
        self.say(f"complete, {len(found)} runs: every byte as undisturbed")
        shutil.rmtree(outputs)

    def summary(self) -> str:
        """What was killed, and what came of it."""
        killed = ", ".join(f"{count} x {name}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({killed}) over {self.typed} sweeps typed; "
            f"{self.complete} complete sweeps of {len(self.expected)} runs of {EPOCHS} epochs, "
            f"{self.resumed} resumed from a checkpoint: {', '.join(PARTS)} the same, byte for byte"
        )


PARTS = ("history.csv", "status, parameters and metrics", "weights and optimizer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(line: Any) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), TWELVE_RUNS, arguments.seed, say)
        campaign.run(arguments.kills)
    say(f"seed {arguments.seed}: {campaign.summary()}")


if __name__ == "__main__":
    main()
