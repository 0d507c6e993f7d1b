"""A trained net as files that need nothing of this project: ONNX, and torch.export's .pt2.

Both hold the net with its normalisation and its calibration, for any number of pairs, and no path
of the machine that made them. The same net gives the same bytes.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from project.training.calibrated import CalibratedNet

# Of scores, by the largest of them where that is above 1: float32 in another order of sums.
TOLERANCE = 1e-4
# Batches that are tried; what is left over is the last one.
BATCHES = (1, 2, 7)


def exported(net: CalibratedNet) -> ExportedProgram:
    """Return the net's graph, for batches of any size."""
    with torch.no_grad():
        program = torch.export.export(
            net.eval(), (torch.zeros(2, 2, 14, 14),), dynamic_shapes=({0: Dim("pairs", min=1)},)
        )
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)
    return program


def to_pt2(program: ExportedProgram) -> bytes:
    """Return the bytes for `torch.export.load(file).module()`."""
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def to_onnx(program: ExportedProgram, names: Sequence[str]) -> bytes:
    """Return the bytes of an ONNX file with the input `pairs` and outputs by their names."""
    with warnings.catch_warnings():
        # About its own inside: nothing that a user could mend.
        warnings.simplefilter("ignore")
        converted = torch.onnx.export(
            program,
            (),
            input_names=["pairs"],
            output_names=list(names),
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
    return _joined(
        [
            [torch.from_numpy(np.asarray(each)) for each in session.run(None, {"pairs": b.numpy()})]
            for b in batches
        ]
    )


def _joined(parts: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def in_batches(pairs: Tensor) -> list[Tensor]:
    """Return all pairs in batches of several sizes."""
    sizes, left = [], len(pairs)
    for size in (*BATCHES, left):
        if min(size, left):
            sizes.append(min(size, left))
            left -= sizes[-1]
    return list(pairs.split(sizes))


@dataclass(frozen=True)
class Parity:
    """How near an exported net's outputs are to the checkpoint's.

    Attributes:
        pairs: Over how many pairs.
        score_difference: The largest of a score of the comparison.
        probability_difference: The largest of any calibrated probability.
        differing_answers: Pairs with another comparison or another digit.
        passed: Whether they are near enough, and no answer differs.
    """

    pairs: int
    score_difference: float
    probability_difference: float
    differing_answers: int
    passed: bool


def parity(expected: Sequence[Tensor], got: Sequence[Tensor]) -> Parity:
    """Compare outputs of `CalibratedNet.answers`: from the checkpoint, and from an exported net."""
    shapes = [[tuple(each.shape) for each in outputs] for outputs in (expected, got)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"outputs must be {shapes[0]}, got {shapes[1]}")
    differences = [
        (a - b).abs().max().item() if a.numel() else 0.0 for a, b in zip(expected, got, strict=True)
    ]
    differing = expected[0].argmax(1) != got[0].argmax(1)
    for a, b in zip(expected[2:], got[2:], strict=True):
        differing = differing | (a.argmax(2) != b.argmax(2)).any(1)
    scale = max(1.0, expected[0].abs().max().item())
    wrong = int(differing.sum())
    # Written so that a NaN does not pass.
    near = differences[0] <= TOLERANCE * scale and max(differences[1:]) <= TOLERANCE
    return Parity(len(differing), differences[0], max(differences[1:]), wrong, near and wrong == 0)
