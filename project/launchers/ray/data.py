"""The files that jobs read, given to Ray once for all of them: no node fetches its own."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import ray

from project.launchers.experiment import Experiment, Job


@dataclass(frozen=True)
class DataFolder:
    """The name of a data folder on the nodes, which says what it holds, and where Ray has that."""

    name: str
    reference: Any


class SharedData:
    """The data folders of a sweep's jobs; most sweeps have one."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._folders: dict[str, DataFolder] = {}

    def of(self, job: Job) -> DataFolder:
        """What the job's data folder has to hold. Raises as `Experiment.files_to_send` does."""
        config = job.spec.config
        data = config.get("data")
        key = json.dumps([config["paths"].get("data", ""), data], sort_keys=True)
        if key not in self._folders:
            files = self._experiment.files_to_send(job.spec)
            sums = (f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files))
            name = "" if not files else hashlib.sha256("".join(sums).encode()).hexdigest()[:16]
            self._folders[key] = DataFolder(name, ray.put(files))
        return self._folders[key]
