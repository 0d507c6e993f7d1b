"""What a task says of its trained net, so that it can be exported with a card.

A task may have a method `exportable(data)` that returns an `Exportable`; it gets the run's data
module, set up. Of a task without one the net itself is exported, as it is used on a batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor, nn

from project.config.errors import ConfigurationError

# Examples on which an exported net is held against the checkpoint.
EXAMPLES = 1000


@dataclass(frozen=True)
class Output:
    """One of the tensors that an exported net answers with.

    Attributes:
        name: Its name in the files.
        text: What it is, for the card.
        kind: `scores` and `values` may be of any size; of `scores` and `probabilities` with two
            dimensions or more the largest is the answer.
    """

    name: str
    text: str
    kind: Literal["scores", "probabilities", "values"] = "values"


@dataclass(frozen=True)
class Card:
    """The task's part of a model card, in Markdown.

    Attributes:
        summary: What goes in and what comes out, in a sentence.
        errors: What metrics are called, by their names.
        data: Lines of a list about the data.
        use: Lines about the input, as they are.
        calibration: What is known of the probabilities, in a sentence.
        limits: Lines of a list about where the net must not be trusted.
    """

    summary: str
    errors: Mapping[str, str]
    data: list[str] = field(default_factory=list)
    use: list[str] = field(default_factory=list)
    calibration: str = ""
    limits: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Exportable:
    """A trained net as files are made of it.

    Attributes:
        module: Maps a batch of plain inputs to a tuple of tensors.
        inputs: Examples (N, ...), two at least, none of them a test example.
        expected: What the net answers to them, by another way than `module`.
        input_name: The name of the input in the files.
        input_text: What it is, as in `float32 (N, 3, 32, 32), pixels in [0, 255]`.
        outputs: The tensors of the tuple.
        card: The task's part of the model card.
        facts: Further keys of export.json.
    """

    module: nn.Module
    inputs: Tensor
    expected: tuple[Tensor, ...]
    input_name: str
    input_text: str
    outputs: tuple[Output, ...]
    card: Card
    facts: dict[str, Any] = field(default_factory=dict)


class _AsTuple(nn.Module):
    """A net whose output, whatever holds its tensors, is a tuple of them."""

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
    """Return a net as it is: its inputs are those of the batches that the data module gives.

    Args:
        net: The net, with its weights.
        data: The run's data.
        metric: By which the task is judged.

    Raises:
        ConfigurationError: A batch does not begin with a tensor, or the net answers with none.
    """
    inputs = _inputs(data)
    with torch.inference_mode():
        named = dict(_tensors(net(inputs), "output"))
    if not named or any(each.dim() == 0 or len(each) != len(inputs) for each in named.values()):
        raise ConfigurationError(
            f"{type(net).__name__} does not answer a batch with tensors of its length: give the "
            "task a method exportable(data), as project.tasks.exportable says"
        )
    shape = ", ".join(["N", *map(str, inputs.shape[1:])])
    return Exportable(
        module=_AsTuple(net),
        inputs=inputs,
        expected=tuple(named.values()),
        input_name="inputs",
        input_text=f"{str(inputs.dtype).removeprefix('torch.')} ({shape}), as the data module of "
        "the run gives them",
        outputs=tuple(
            Output(name, f"({', '.join(['N', *map(str, each.shape[1:])])})")
            for name, each in named.items()
        ),
        card=Card(
            summary="The net of the run as it is: what its data module gives goes in, what it "
            "answers comes out.",
            errors={f"test/{metric}": f"test {metric}", f"val/{metric}": f"validation {metric}"},
            use=["What the data module does to the inputs is not inside."],
            limits=["What it answers to other data than those it was tested on, nobody measured."],
        ),
    )


def _inputs(data: LightningDataModule) -> Tensor:
    """Return the inputs of validation batches, filled up with training batches."""
    batches: list[Tensor] = []
    for loader in (data.val_dataloader(), data.train_dataloader()):
        for batch in (
            loader if not isinstance(loader, list) else [b for each in loader for b in each]
        ):
            inputs = batch[0] if isinstance(batch, list | tuple) and batch else batch
            if not isinstance(inputs, Tensor) or inputs.dim() == 0:
                raise ConfigurationError(
                    "a batch does not begin with a tensor of inputs: give the task a method "
                    "exportable(data), as project.tasks.exportable says"
                )
            batches.append(inputs)
            if sum(map(len, batches)) >= EXAMPLES:
                return torch.cat(batches)[:EXAMPLES]
    return torch.cat(batches)
