"""A trained net as files that need nothing of this project: ONNX, and torch.export's .pt2.

Both hold what the task exports, for any number of examples, and no path of the machine that made
them. The same net gives the same bytes.
"""

import copy
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from project.tasks.exportable import Exportable, Output

# Of scores, by the largest of them where that is above 1: float32 in another order of sums.
TOLERANCE = 1e-4
# Batches that are tried; what is left over is the last one.
BATCHES = (1, 2, 7)


def exported(net: Exportable) -> ExportedProgram:
    """Return the net's graph, for batches of any size."""
    example = torch.zeros_like(net.inputs[:2])
    # Weights in the layout that files have; a task may train in another one.
    module = copy.deepcopy(net.module).eval().to(memory_format=torch.contiguous_format)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # an operator that other runtimes lack
    try:
        with torch.no_grad():
            program = torch.export.export(
                module, (example,), dynamic_shapes=({0: Dim(net.input_name, min=1)},)
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    for part in program.graph_module.modules():
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)
    return program


def to_pt2(program: ExportedProgram) -> bytes:
    """Return the bytes for `torch.export.load(file).module()`."""
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def to_onnx(program: ExportedProgram, net: Exportable) -> bytes:
    """Return the bytes of an ONNX file with inputs and outputs by their names."""
    with warnings.catch_warnings():
        # About its own inside: nothing that a user could mend.
        warnings.simplefilter("ignore")
        converted = torch.onnx.export(
            program,
            (),
            input_names=[net.input_name],
            output_names=[output.name for output in net.outputs],
            external_data=False,
            verbose=False,
        )
    assert converted is not None
    return converted.model_proto.SerializeToString(deterministic=True)


def run_pt2(content: bytes, batches: Sequence[Tensor]) -> list[Tensor]:
    """Return each output over all batches."""
    module = torch.export.load(io.BytesIO(content)).module()
    with torch.inference_mode():
        return _joined([module(batch) for batch in batches])


def run_onnx(content: bytes, batches: Sequence[Tensor]) -> list[Tensor]:
    """Return each output over all batches, by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    return _joined(
        [
            [torch.from_numpy(np.asarray(each)) for each in session.run(None, {name: b.numpy()})]
            for b in batches
        ]
    )


def _joined(parts: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def in_batches(examples: Tensor) -> list[Tensor]:
    """Return all examples in batches of several sizes."""
    sizes, left = [], len(examples)
    for size in (*BATCHES, left):
        if min(size, left):
            sizes.append(min(size, left))
            left -= sizes[-1]
    return list(examples.split(sizes))


@dataclass(frozen=True)
class Parity:
    """How near an exported net's outputs are to the checkpoint's.

    Attributes:
        examples: Over how many examples.
        differences: The largest difference of each output, by its name.
        differing_answers: Examples of which an output's largest class is another one.
        passed: Whether they are near enough, and no answer differs.
    """

    examples: int
    differences: dict[str, float]
    differing_answers: int
    passed: bool


def parity(outputs: Sequence[Output], expected: Sequence[Tensor], got: Sequence[Tensor]) -> Parity:
    """Compare what an exported net answers with what the checkpoint's net does.

    Args:
        outputs: What is answered.
        expected: By the checkpoint's net.
        got: By the exported net.

    Raises:
        ValueError: The shapes differ.
    """
    shapes = [[tuple(each.shape) for each in tensors] for tensors in (expected, got)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs must be {shapes[0]}, got {shapes[1]}")
    count = len(expected[0])
    differing = torch.zeros(count, dtype=torch.bool)
    differences, near = {}, True
    for output, a, b in zip(outputs, expected, got, strict=True):
        difference = (a - b).abs().max().item() if a.numel() else 0.0
        largest = a.abs().max().item() if a.numel() and output.kind != "probabilities" else 1.0
        differences[output.name] = difference
        # Written so that a NaN does not pass.
        near = near and difference <= TOLERANCE * max(1.0, largest)
        if output.kind != "values" and a.dim() > 1:
            differing |= (a.argmax(-1) != b.argmax(-1)).view(count, -1).any(1)
    wrong = int(differing.sum())
    return Parity(count, differences, wrong, near and wrong == 0)
