"""The launcher `hydra/launcher=ray`: jobs run on a Ray cluster, which returns their directories."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from project.config.packages import require
from project.launchers.experiment import Job
from project.launchers.launcher import GridLauncher
from project.launchers.ray.settings import RaySettings

if TYPE_CHECKING:
    from project.launchers.ray.pool import RayPool


# Keep Ray from printing into the display: reports of lost nodes (the display shows them), usage
# statistics, changes in coming versions. Ray reads them on import; `ray.init` has no such option.
QUIET = {
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayLauncher(GridLauncher[RaySettings]):
    """Launcher that runs jobs in workers on a Ray cluster, one after another in each."""

    settings_class = RaySettings

    @contextmanager
    def pool(self, waiting: list[Job]) -> Iterator["RayPool"]:
        """Provide, inside a `with` block, the pool of Ray workers for the waiting jobs."""
        os.environ.update(QUIET)
        require("hydra/launcher=ray", ("ray",), "ray")
        from project.launchers.ray.cluster import joined
        from project.launchers.ray.pool import RayPool
        from project.launchers.ray.sent_code import copied_code

        with copied_code(waiting) as code, joined(self.settings, code):
            yield RayPool(self.settings, self.experiment, len(waiting))
