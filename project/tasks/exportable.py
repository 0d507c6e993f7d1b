"""What a task provides to export its trained net: its method `exportable(data)`, if it has one.

`data` is the run's data module, set up. Without the method the net itself is exported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor, nn

from project.config.errors import ConfigurationError

EXAMPLES = 1000  # on which an exported net is compared with the checkpoint


@dataclass(frozen=True)
class Output:
    """The description of one output tensor of an exported net.

    For scores and probabilities with at least two dimensions the predicted class is the largest
    along the last one. Scores and values have no fixed range.
    """

    name: str  # in the exported files
    text: str  # for the model card
    kind: Literal["scores", "probabilities", "values"] = "values"


@dataclass(frozen=True)
class Card:
    """The task's part of a model card, in Markdown."""

    summary: str  # one sentence about input and output
    errors: Mapping[str, str]  # the text for each metric to show, by the metric's name
    data: list[str] = field(default_factory=list)  # list items
    use: list[str] = field(default_factory=list)  # sentences about the input
    calibration: str = ""  # one sentence about the probabilities
    limits: list[str] = field(default_factory=list)  # where the net must not be trusted


@dataclass(frozen=True, eq=False)
class Exportable:
    """A trained net with everything needed to export and check it."""

    module: nn.Module  # maps a batch of plain inputs to a tuple of tensors
    inputs: Tensor  # at least two examples (N, ...), none of them a test example
    expected: tuple[Tensor, ...]  # the outputs for `inputs`, computed without `module`
    input_name: str  # in the exported files
    input_text: str  # such as `float32 (N, 3, 32, 32), pixels in [0, 255]`
    outputs: tuple[Output, ...]  # of the module
    card: Card
    facts: dict[str, Any] = field(default_factory=dict)  # further keys of export.json


class _AsTuple(nn.Module):
    """Module that returns the tensors in another net's output as a flat tuple."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(each for _, each in _tensors(self.net(inputs), "output"))


def _tensors(output: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(output, Tensor):
        yield name, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from _tensors(value, str(key))
    elif isinstance(output, list | tuple):
        names = getattr(output, "_fields", [f"{name}_{n}" for n in range(len(output))])
        for each, value in zip(names, output, strict=True):
            yield from _tensors(value, each)


def net_exportable(net: nn.Module, data: LightningDataModule, metric: str) -> Exportable:
    """Return a net unchanged for export; its inputs are those of the data module's batches.

    `metric` is the one that the task is judged by, without its stage. Batches that do not start
    with a tensor, or outputs without its length, are refused with a ConfigurationError.
    """
    inputs = _inputs(data)
    with torch.inference_mode():
        named = dict(_tensors(net(inputs), "output"))
    if not named or any(each.dim() == 0 or len(each) != len(inputs) for each in named.values()):
        raise ConfigurationError(
            f"{type(net).__name__} does not return tensors with one entry per example of the "
            "batch: give the task a method exportable(data), as project.tasks.exportable says"
        )
    return Exportable(
        module=_AsTuple(net),
        inputs=inputs,
        expected=tuple(named.values()),
        input_name="inputs",
        input_text=f"{str(inputs.dtype).removeprefix('torch.')} {_shape(inputs)}, as the data "
        "module of the run gives them",
        outputs=tuple(Output(name, _shape(each)) for name, each in named.items()),
        card=Card(
            summary="The net of the run as it is: what its data module gives goes in, what it "
            "answers comes out.",
            errors={f"test/{metric}": f"test {metric}", f"val/{metric}": f"validation {metric}"},
            use=["What the data module does to the inputs is not inside."],
            limits=["What it answers to other data than those it was tested on, nobody measured."],
        ),
    )


def _shape(batch: Tensor) -> str:
    return f"({', '.join(['N', *map(str, batch.shape[1:])])})"


def _inputs(data: LightningDataModule) -> Tensor:
    """Return up to `EXAMPLES` inputs of validation batches, then of training batches."""
    batches: list[Tensor] = []
    stages = [data.val_dataloader(), data.train_dataloader()]
    loaders = [each for stage in stages for each in (stage if isinstance(stage, list) else [stage])]
    for batch in chain.from_iterable(loaders):
        inputs = batch[0] if isinstance(batch, list | tuple) and batch else batch
        if not isinstance(inputs, Tensor) or inputs.dim() == 0:
            raise ConfigurationError(
                "a batch does not begin with a tensor of inputs: give the task a method "
                "exportable(data), as project.tasks.exportable says"
            )
        batches.append(inputs)
        if sum(map(len, batches)) >= EXAMPLES:
            break
    return torch.cat(batches)[:EXAMPLES]
