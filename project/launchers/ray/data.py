"""The data files of jobs, put into Ray's object store once so that nodes need not fetch them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import ray

from project.launchers.experiment import Experiment, Job


@dataclass(frozen=True)
class DataFolder:
    """A data folder that nodes can create.

    Attributes:
        name: A hash of its files' names and contents; empty if it has no files.
        reference: Ray's reference to the files' contents, by path in the folder.
    """

    name: str
    reference: Any


class SharedData:
    """Cache of the data folders of a sweep's jobs, most of which share one.

    Args:
        experiment: The command, which says which files a job needs.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._folders: dict[str, DataFolder] = {}

    def of(self, job: Job) -> DataFolder:
        """Return the data folder that a job needs; the first call puts its files into Ray.

        Raises what `Experiment.files_to_send` raises.
        """
        config = job.spec.config
        data = config.get("data")
        key = json.dumps([config["paths"].get("data", ""), data], sort_keys=True)
        if key not in self._folders:
            files = self._experiment.files_to_send(job.spec)
            sums = (f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files))
            name = "" if not files else hashlib.sha256("".join(sums).encode()).hexdigest()[:16]
            self._folders[key] = DataFolder(name, ray.put(files))
        return self._folders[key]
