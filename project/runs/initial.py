"""`init_from`: which run's weights another one starts from. Imports no torch."""

from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.runs.record import CorruptRunError, NoRunError, completed_record

# Where the weights lie in the data folder of a machine to which they were sent.
SENT_NAME = "init_from.ckpt"


def settle_initial(config: dict[str, Any]) -> dict[str, Any]:
    """Find the run that `init_from` names, and say in its place what decides the result.

    A run is known by the SHA-256 of its weights; a variant's directory stands for the run of the
    same seed, so that a sweep over seeds stays one variant, known by the other variant's hash.

    Args:
        config: With `init_from`: the path of a run or of a variant's directory, what this function
            made of it before, or None.

    Raises:
        NoRunError: There is no completed run of project.train.
        ConfigurationError: What was stored is not what lies there now.
    """
    given = config.get("init_from")
    if given is None:
        return config
    place = Path(given["run"] if isinstance(given, dict) else given)
    directory = source_directory(place, config["seed"])
    record = _completed(directory, place)
    settled = {
        "run": str(place),
        "source": record["name"],
        "weights_sha256": record["weights_sha256"],
        "variant": record["variant"] if directory != place else None,
    }
    if isinstance(given, dict) and given != settled:
        raise ConfigurationError(
            f"init_from={place}: it holds {settled['source']} with weights of SHA-256 "
            f"{settled['weights_sha256']}, not {given.get('source')} with "
            f"{given.get('weights_sha256')}"
        )
    return config | {"init_from": settled}


def source_directory(place: Path, seed: int) -> Path:
    """Return the run directory: `place` itself, or in a variant's directory that of the seed."""
    is_variant = not (place / "run.json").exists() and any(place.glob("seed_*"))
    return place / f"seed_{seed}" if is_variant else place


def _completed(directory: Path, place: Path) -> dict[str, Any]:
    record = completed_record(directory) if directory.is_dir() else None
    if record is None or record.get("command") != "train":
        raise NoRunError(
            f"init_from={place}: {directory} holds no completed run of project.train; name a run "
            "(outputs/runs/<variant>/seed_<k>), or a variant's directory for the run of the same "
            "seed"
        )
    if not isinstance(record.get("weights_sha256"), str):
        raise CorruptRunError(f"init_from={place}: {directory}/run.json lacks weights_sha256")
    return record


def initial_checkpoint(config: dict[str, Any], data_folder: str | None) -> Path:
    """Return the file with the weights that a run starts from.

    Args:
        config: With `init_from`, settled.
        data_folder: Where files were sent to, if they were.
    """
    if data_folder is not None:
        return Path(data_folder, SENT_NAME)
    section = config["init_from"]
    directory = source_directory(Path(section["run"]), config["seed"])
    record = completed_record(directory) or {}
    return directory / record.get("tested", "last.ckpt")
