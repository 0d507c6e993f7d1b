"""`init_from`: the run whose weights another run starts from. Imports no torch."""

from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.runs.record import CorruptRunError, NoRunError, completed_record

# Name of the checkpoint in the data folder of a machine that it was sent to.
SENT_NAME = "init_from.ckpt"


def settle_initial(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with `init_from`, if given, as a dictionary that identifies weights.

    Its keys are those of `project.config.schema.InitFrom`. A variant's directory stands for its run
    at this run's seed; then `variant` is its hash, so that runs at all seeds stay one variant.

    Raises:
        NoRunError: The path holds no completed run of project.train.
        ConfigurationError: `init_from` is a dictionary, and its path holds another run or weights.
        CorruptRunError: The run's record cannot be read or does not name its weights.
    """
    given = config.get("init_from")
    if given is None:
        return config
    place = Path(given["run"] if isinstance(given, dict) else given)
    directory = source_directory(place, config["seed"])
    record = completed_record(directory) if directory.is_dir() else None
    if record is None or record.get("command") != "train":
        raise NoRunError(
            f"init_from={place}: {directory} holds no completed run of project.train; name a run "
            "(outputs/runs/<variant>/seed_<k>), or a variant's directory for the run of the same "
            "seed"
        )
    if not isinstance(record.get("weights_sha256"), str):
        raise CorruptRunError(f"init_from={place}: {directory}/run.json lacks weights_sha256")
    settled = {
        "run": str(place),
        "source": record["name"],
        "weights_sha256": record["weights_sha256"],
        "variant": record["variant"] if directory != place else None,
    }
    if isinstance(given, dict) and given != settled:
        raise ConfigurationError(
            f"init_from={place}: it holds {settled['source']} with weights of SHA-256 "
            f"{settled['weights_sha256']}, but the configuration asks for {given.get('source')} "
            f"with {given.get('weights_sha256')}"
        )
    return config | {"init_from": settled}


def source_directory(place: Path, seed: int) -> Path:
    """Return the run directory `place`, or the run of a seed in the variant's directory `place`."""
    is_variant = not (place / "run.json").exists() and any(place.glob("seed_*"))
    return place / f"seed_{seed}" if is_variant else place


def initial_checkpoint(config: dict[str, Any], data_folder: str | None) -> Path:
    """Return the path of the checkpoint of `init_from`, which `settle_initial` has settled.

    It lies in the data folder of a machine that it was sent to, else in the directory of the run.
    """
    if data_folder is not None:
        return Path(data_folder, SENT_NAME)
    section = config["init_from"]
    directory = source_directory(Path(section["run"]), config["seed"])
    record = completed_record(directory) or {}
    return directory / record.get("tested", "last.ckpt")
