"""python -m project.report: the runs under outputs/ as one honest table, with figures, on one page.

    python -m project.report                             everything under outputs/
    python -m project.report study=epfl_table            the runs of one study
    python -m project.report runs='ws_al*' baseline=ws_al_bn_do

Reads run directories only, and writes outputs/report. torch is never imported.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project import command

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from project.report.choosing import PlannedArm


def execute(config: "DictConfig") -> None:
    """Make the report that `config` describes."""
    from omegaconf import OmegaConf

    from project.composition import overrides_for
    from project.configuration import check_report
    from project.report.making import Request, make_report

    values: Any = OmegaConf.to_container(config, resolve=True)
    checked = check_report(values)
    request = Request(
        outputs=Path(checked.paths.outputs),
        pattern=checked.runs,
        study=checked.study_name,
        planned=plan(checked.study_name) if checked.study_name is not None else [],
        baseline=checked.baseline,
        allow_missing=checked.allow_missing,
        overrides=overrides_for,
        settings_of=settings_of,
    )
    print(make_report(request))


def settings_of(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The settings of the models' files by their names; without those that have none any more."""
    from project.composition import CONFIGURATION_FOLDER, NO_RUNS_SEED, compose_values
    from project.report.arms import flat_settings

    there = [name for name in models if (CONFIGURATION_FOLDER / f"model/{name}.yaml").exists()]
    seed = f"seed={NO_RUNS_SEED}"
    return {name: flat_settings(compose_values("train", [f"model={name}", seed])) for name in there}


def plan(study: str) -> list["PlannedArm"]:
    """The arms that conf/study/`study`.yaml sweeps over; raises ConfigurationError."""
    from hydra.errors import HydraException

    from project.composition import CONFIGURATION_FOLDER, study_arms
    from project.refusing import ConfigurationError, suggestion
    from project.report.choosing import PlannedArm

    known = sorted(path.stem for path in (CONFIGURATION_FOLDER / "study").glob("*.yaml"))
    if study not in known:
        raise ConfigurationError(
            f"study={study}: there is no such study{suggestion(study, known)}"
            f"\navailable: {', '.join(known)}"
        )
    refusals = []
    for config_name in ("train", "disk"):
        # A study belongs to the command that knows its keys.
        try:
            return [PlannedArm(arm.values, arm.seeds) for arm in study_arms(config_name, study)]
        except HydraException as error:
            refusals.append(f"{config_name}: {error}")
    raise ConfigurationError(f"study={study} is one of no command\n" + "\n".join(refusals))


def main() -> None:
    """The command."""
    if not {"-m", "--multirun"}.isdisjoint(sys.argv):
        print("error: a report is no sweep; leave out -m", file=sys.stderr)
        sys.exit(2)
    # To Hydra `study` is the folder conf/study, which a report reads and does not become.
    sys.argv[1:] = [re.sub(r"^study=", "study_name=", word) for word in sys.argv[1:]]
    command.run(execute, "report", prepare=lambda: None)


if __name__ == "__main__":
    main()
