"""The schema of project.disk's configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from project.config.schema import MAX_COUNT, OutputPaths, Section, Seed


class DiskOptimizer(Section):
    """The section `optimizer`: which optimizer, and its parameters except the learning rate."""

    name: Literal["sgd", "adadelta", "adam"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _momentum_is_sgds(self) -> "DiskOptimizer":
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum belongs to sgd; {self.name} needs momentum=0")
        return self


class DiskConfig(Section):
    """The resolved configuration of project.disk (`conf/disk.yaml`)."""

    seed: Seed
    activation: Literal["tanh", "relu"]
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1)]
    initialisation: Literal["normal", "uniform"]
    train_points: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    val_points: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    test_points: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    normalise: bool
    batch_size: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    max_epochs: Annotated[int, Field(ge=1)]
    lr: Annotated[float, Field(gt=0)]
    optimizer: DiskOptimizer
    loss: Literal["mse", "cross_entropy"]
    paths: OutputPaths
    rerun: bool
    code: Literal["accept"] | None
