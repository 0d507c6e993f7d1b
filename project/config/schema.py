"""The rules of a configuration of project.train: which keys there are, of which type and range.

The values stand in `conf/`; what may stand there is said here, once. The keys of a section that
names a class (`_target_`) are that class's own: `project.config.instantiate` holds them against its
constructor.
"""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from project.config.errors import format_validation_error


def _plain_name(value: str) -> str:
    # The name becomes a directory: nothing that could lead out of it.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError(
            "must begin with a letter or digit and hold only letters, digits, '.', '_' and '-', at "
            "most 64"
        )
    return value


def _metric_name(value: str) -> str:
    if not value.isprintable() or not re.fullmatch(r"[^\s/]+", value):
        raise ValueError("must be one word without '/'")
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("should be a valid string")
    return value


def _utf8(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("is no UTF-8, which TensorBoard needs; choose another name") from None
    return value


def _not_empty(value: Any) -> Any:
    if not value:
        raise ValueError("must not be empty")
    return value


Name = Annotated[str, AfterValidator(_plain_name)]
# Not pydantic's own string: a file's name need not be UTF-8, and what is typed need not be either.
Text = Annotated[Any, AfterValidator(_text)]
Place = Annotated[Any, AfterValidator(_text), AfterValidator(_not_empty)]
Outputs = Annotated[Place, AfterValidator(_utf8)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# More would not fit anywhere; the limit keeps a slip of the keyboard from being an overflow.
MAX_COUNT = 10_000_000

# Arguments of Lightning's Trainer that the platform sets itself, and what to type in their place.
OWNED_TRAINER_KEYS = {
    "barebones": "the platform records every run",
    "callbacks": "use callbacks=NAME, a file of conf/callbacks",
    "default_root_dir": "use paths.outputs=FOLDER",
    "deterministic": "every run draws from named streams; on a GPU the platform sets it",
    "enable_checkpointing": "every run writes checkpoints; checkpoints.max_overhead says how often",
    "enable_progress_bar": "a bar is shown on a terminal and nowhere else",
    "fast_dev_run": "use debug=fast",
    "logger": "use logger=NAME, a file of conf/logger",
    "max_steps": "a resumed run would differ; use trainer.max_epochs, trainer.limit_train_batches",
    "max_time": "what is trained would depend on the machine's speed; use trainer.max_epochs",
    "num_nodes": "a run uses the devices of one machine; sweeps use several (hydra/launcher=ray)",
    "num_sanity_val_steps": "every net is tried on a real batch before anything trains",
    "overfit_batches": "use debug=overfit",
    "plugins": "the platform's own write checkpoints whole or not at all",
    "reload_dataloaders_every_n_epochs": "a resumed run would differ from one left alone",
    "strategy": "trainer.devices=2 or more trains with distributed data parallel",
    "use_distributed_sampler": "the platform gives each process its own part of the batches",
}


class Section(BaseModel):
    """Exact keys, exact types (1 is a float, true is no integer), finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def require_finite(value: Any) -> Any:
    """Return `value`; raise ValueError if a number in it is infinite or NaN."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            require_finite(each)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should be a finite number")
    return value


class Target(Section):
    """A section that names a class; the other keys are arguments of its constructor."""

    model_config = ConfigDict(extra="allow")
    target: Annotated[str, Field(alias="_target_", min_length=1)]
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(require_finite)]]  # type: ignore[bad-override]


class Model(Target):
    """`conf/model`.

    Attributes:
        framework_target: The net's twin in the mini framework, for `engine=framework`.
        init: Whether each module's `reset_parameters` draws from its own stream (`by_module`), or
            the net keeps what its constructor has drawn.
        learning_rates: By the name of a file in conf/optimizer; they become `optimizer.lr`.
        task: Arguments that the model's file wants its task to have.
    """

    name: Name
    framework_target: str | None = None
    init: Literal["constructor", "by_module"] = "constructor"
    learning_rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    task: dict[str, Any] = {}


class Named(Target):
    """`conf/task` and `conf/data`: they have a name, by default that of their file."""

    name: Name


class Task(Named):
    """`conf/task`.

    Attributes:
        framework_target: The LightningModule for `engine=framework`.
    """

    framework_target: str | None = None


class Data(Named):
    """`conf/data`.

    Attributes:
        prepare: A function that settles what the section leaves open before the run is named.
        dataset: What such a function has found; it becomes a part of the run's name.
    """

    prepare: str | None = None
    dataset: Name | None = None


class Optimizer(Target):
    """`conf/optimizer`.

    Attributes:
        framework_target: Its twin in the mini framework, for `engine=framework`.
        no_weight_decay: Kinds of parameters without weight decay, as a group of their own.
    """

    framework_target: str | None = None
    no_weight_decay: list[Literal["bias", "norm"]] = []


class Scheduler(Target):
    """`conf/scheduler`, with Lightning's keys for when it is stepped and what it watches."""

    interval: Literal["step", "epoch"] = "epoch"
    frequency: Annotated[int, Field(ge=1)] = 1
    monitor: str | None = None


class Metric(Section):
    """What a task is judged by: `val/<name>` chooses, `test/<name>` is reported."""

    name: Annotated[str, AfterValidator(_metric_name)]
    direction: Literal["min", "max"]


class Seeds(Section):
    """`conf/seeds`: a seed at which a source of chance is held; null follows the run's seed."""

    data: Seed | None = None
    init: Seed | None = None
    order: Seed | None = None


class Trainer(Section):
    """`conf/trainer`; further keys are arguments of Lightning's Trainer."""

    model_config = ConfigDict(extra="allow")
    max_epochs: Annotated[int, Field(ge=1)]
    accelerator: Literal["cpu", "gpu", "cuda", "mps", "auto"] = "cpu"
    devices: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(require_finite)]]  # type: ignore[bad-override]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of Lightning's Trainer that the platform does not own."""
        return dict(self.model_extra or {})


class Checkpoints(Section):
    """When checkpoints are written between the first and the last epoch.

    Attributes:
        max_overhead: The share of the time that writing them may take; 1 is after every epoch.
    """

    max_overhead: Annotated[float, Field(gt=0, le=1)]


class Paths(Section):
    """Where things are on this machine."""

    outputs: Outputs
    data: Place


class OutputPaths(Section):
    """The same, of a command that reads no data."""

    outputs: Outputs


class InitFrom(Section):
    """The run whose weights another one starts from, once it has been found.

    Attributes:
        run: The path that was typed.
        source: The name of the run.
        weights_sha256: Of its weights.
        variant: The hash of its variant, where a variant's directory was typed.
    """

    run: str
    source: str
    weights_sha256: str
    variant: str | None = None


class TrainConfig(Section):
    """`conf/train.yaml`, composed and resolved."""

    seed: Seed
    seeds: Seeds
    metric: Metric
    engine: Literal["torch", "framework"] = "torch"
    task: Task
    data: Data
    model: Model | None
    optimizer: Optimizer | None
    scheduler: Scheduler | None
    augmentation: Target | None
    callbacks: dict[str, Target | None]
    logger: dict[str, Target | None]
    trainer: Trainer
    checkpoints: Checkpoints
    paths: Paths
    init_from: Annotated[str, Field(min_length=1)] | InitFrom | None = None
    tags: list[Text] = []
    notes: Text = ""
    debug: Literal["fast", "overfit", "profile"] | None = None
    rerun: bool = False
    verify: Text | None = None
    code: Literal["accept"] | None = None
    trust_code: bool = False


def validate_train(values: dict[str, Any]) -> TrainConfig:
    """Check a resolved configuration of project.train.

    Raises:
        ConfigurationError: Naming every rule that is broken.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise format_validation_error(error, values) from None
