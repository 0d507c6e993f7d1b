"""Convert a trained net to ONNX and to torch.export's .pt2: files that do not need this project.

They accept batches of any size. Converting the same net twice gives the same bytes.
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

# Largest allowed difference of outputs, relative to the largest output if that is above 1: other
# runtimes add float32 numbers in another order.
TOLERANCE = 1e-4


def exported(net: Exportable) -> ExportedProgram:
    """Return the net's graph as torch.export captures it, for batches of any size."""
    example = torch.zeros_like(net.inputs[:2])
    # Files hold contiguous weights; a task may train in another memory layout.
    module = copy.deepcopy(net.module).eval().to(memory_format=torch.contiguous_format)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it uses an operator that ONNX lacks
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
    """Return the content of a .pt2 file, to be loaded with `torch.export.load(file).module()`."""
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def to_onnx(program: ExportedProgram, net: Exportable) -> bytes:
    """Return the content of an ONNX file, with the input and output names of `net`."""
    with warnings.catch_warnings():
        # torch's warnings concern its internals; users cannot act on them.
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
    """Run a .pt2 net on each batch; return each output, concatenated over the batches."""
    module = torch.export.load(io.BytesIO(content)).module()
    with torch.inference_mode():
        results = [module(batch) for batch in batches]
    return [torch.cat(parts) for parts in zip(*results, strict=True)]


def run_onnx(content: bytes, batches: Sequence[Tensor]) -> list[Tensor]:
    """Run an ONNX net on each batch with onnxruntime; return each output, concatenated."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    results = [session.run(None, {name: batch.numpy()}) for batch in batches]
    return [torch.from_numpy(np.concatenate(parts)) for parts in zip(*results, strict=True)]


def in_batches(examples: Tensor) -> list[Tensor]:
    """Split examples into batches of the sizes 1, 2 and 7 and a last one with the rest."""
    return [batch for batch in examples.tensor_split((1, 3, 10)) if len(batch)]


@dataclass(frozen=True)
class Parity:
    """The agreement between the outputs of an exported net and those of the checkpoint's net.

    Attributes:
        examples: Their number.
        differences: The largest absolute difference of each output, by the output's name.
        differing_answers: The number of examples with another predicted class in an output.
        passed: Whether all differences are within `TOLERANCE` and no predicted class differs.
    """

    examples: int
    differences: dict[str, float]
    differing_answers: int
    passed: bool


def parity(outputs: Sequence[Output], expected: Sequence[Tensor], got: Sequence[Tensor]) -> Parity:
    """Compare the outputs of an exported net with those of the checkpoint's net, (N, ...) each.

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
