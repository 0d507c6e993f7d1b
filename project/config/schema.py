"""The schema of a project.train configuration: its keys, with their types and ranges.

`project.config.keys` and `project.config.instantiate` check the arguments of classes.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from project.config.errors import format_validation_error


def _rule(holds: Callable[[Any], Any], text: str) -> AfterValidator:
    """Return a validator that refuses a value, with the rule's text, for which it does not hold."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError(text)
        return value

    return AfterValidator(check)


# It becomes part of a path, and must not lead out of its folder.
Name = Annotated[
    str,
    _rule(
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}").fullmatch,
        "must begin with a letter or digit and hold only letters, digits, '.', '_' and '-', at "
        "most 64",
    ),
]
MetricName = Annotated[
    str,
    _rule(
        lambda text: text.isprintable() and re.fullmatch(r"[^\s/]+", text),
        "must be one word without '/'",
    ),
]
# Not pydantic's own str, which must be UTF-8: file names and command lines need not be.
Text = Annotated[Any, _rule(lambda value: isinstance(value, str), "should be a valid string")]
Place = Annotated[Text, _rule(bool, "must not be empty")]
Outputs = Annotated[
    Place,
    _rule(
        lambda text: not re.search("[\ud800-\udfff]", text),
        "is not valid UTF-8, which TensorBoard needs; choose another name",
    ),
]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# An upper limit for counts, so that a typing error does not cause an overflow.
MAX_COUNT = 10_000_000

# Arguments of Lightning's Trainer that the platform sets itself, and the advice in the message.
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
    """The base class of sections: no unknown keys, no type conversion, finite numbers only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def checked(cls, values: dict[str, Any], prefix: str = "") -> Self:
        """Return the section with the given values.

        Args:
            values: The values by key, resolved.
            prefix: The section's place in the configuration with a final dot.

        Raises:
            ConfigurationError: Rules are broken; the message has a line for each.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise format_validation_error(error, values, prefix) from None


def require_finite(value: Any) -> Any:
    """Return `value`; raise ValueError if a float in it, at any depth, is infinite or NaN."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            require_finite(each)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should be a finite number")
    return value


class OpenSection(Section):
    """A section that may have further keys, which are arguments of a constructor."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(require_finite)]]  # type: ignore[bad-override]


class Target(OpenSection):
    """A section that names a class (`_target_`)."""

    target: Annotated[str, Field(alias="_target_", min_length=1)]


class Twinned(Target):
    """A section that may name the class of the mini framework to use with `engine=framework`."""

    framework_target: str | None = None


class Model(Twinned):
    """The section `model`, from a file in `conf/model`, whose name is the default of `name`.

    Attributes:
        init: `by_module` draws each module's weights (`reset_parameters`) from a stream of its own;
            `constructor` keeps the weights that the constructor has drawn.
        learning_rates: Values of `optimizer.lr` for this model, by the optimizer's file name.
        task: Values for the section `task` that this model needs.
    """

    name: Name
    init: Literal["constructor", "by_module"] = "constructor"
    learning_rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    task: dict[str, Any] = {}


class Task(Twinned):
    """The section `task`, from a file in `conf/task`, whose name is the default of `name`."""

    name: Name


class Data(Target):
    """The section `data`, from a file in `conf/data`, whose name is the default of `name`.

    The function `prepare` completes it before the run is named, and says which `dataset` it found.
    """

    name: Name
    prepare: str | None = None
    dataset: Name | None = None


class Optimizer(Twinned):
    """The section `optimizer`; kinds of parameters may be spared its weight decay."""

    no_weight_decay: list[Literal["bias", "norm"]] = []


class Scheduler(Target):
    """The section `scheduler`, stepped once in `frequency` intervals; it may watch a metric."""

    interval: Literal["step", "epoch"] = "epoch"
    frequency: Annotated[int, Field(ge=1)] = 1
    monitor: str | None = None


class Metric(Section):
    """The metric that judges a task: models are chosen by `val/<name>` and report `test/<name>`."""

    name: MetricName
    direction: Literal["min", "max"]


class Seeds(Section):
    """The fixed seeds of the data, the initial weights and all else; None uses the run's seed."""

    data: Seed | None = None
    init: Seed | None = None
    order: Seed | None = None


class Trainer(OpenSection):
    """The section `trainer`; further keys are arguments of Lightning's Trainer."""

    max_epochs: Annotated[int, Field(ge=1)]
    accelerator: Literal["cpu", "gpu", "cuda", "mps", "auto"] = "cpu"
    devices: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @property
    def arguments(self) -> dict[str, Any]:
        """The further keys: arguments of Lightning's Trainer that the platform does not set."""
        return dict(self.model_extra or {})


class Checkpoints(Section):
    """The share of the time that writing checkpoints may take; 1 writes after every epoch."""

    max_overhead: Annotated[float, Field(gt=0, le=1)]


class OutputPaths(Section):
    """The output folder, which holds the run directories."""

    outputs: Outputs


class Paths(OutputPaths):
    """Folders on this machine: also that of the data files."""

    data: Place


class InitFrom(Section):
    """The run of the initial weights, as `project.runs.initial.settle_initial` returns it."""

    run: str
    source: str
    weights_sha256: str
    variant: str | None = None


class TrainConfig(Section):
    """The configuration of project.train (`conf/train.yaml`), composed and resolved."""

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
