"""Batches of any shape are taken apart by their examples, and copied."""

from typing import Any

import numpy as np
import pytest
import torch

from project.checks.batches import (
    classes_of,
    clone,
    example_count,
    inputs_of,
    take,
    tensors_of,
)

ROWS = torch.arange(6.0).view(3, 2)
LABELS = torch.tensor([4, 5, 6])
TAKEN = [[4.0, 5.0], [0.0, 1.0]]  # the rows 2 and 0


def plain(batch: Any) -> Any:
    """A batch with lists in place of tensors and arrays."""
    if isinstance(batch, dict):
        return {key: plain(each) for key, each in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(plain(each) for each in batch)
    return batch.tolist() if isinstance(batch, torch.Tensor | np.ndarray) else batch


def test_tensors_are_found_at_any_depth_and_count_the_examples() -> None:
    batch = {"scale": torch.tensor(2.0), "pair": (ROWS, [LABELS, "text"])}
    assert [each.tolist() for each in tensors_of(batch)] == [
        2.0, ROWS.tolist(), LABELS.tolist(),
    ]  # fmt: skip
    assert example_count(batch) == 3
    assert example_count({"scale": torch.tensor(2.0)}) == 0
    assert example_count("text") == 0


@pytest.mark.parametrize(
    ("batch", "taken"),
    [
        ((ROWS, LABELS), (TAKEN, [6, 4])),
        ({"x": ROWS, "names": ["a", "b", "c"]}, {"x": TAKEN, "names": ["c", "a"]}),
        ([ROWS, np.array([7, 8, 9])], [TAKEN, [9, 7]]),
        # What is of another length holds no examples.
        ((LABELS, torch.tensor([1, 2]), torch.tensor(3), ["a"]), ([6, 4], [1, 2], 3, ["a"])),
    ],
)
def test_examples_are_taken_from_all_parts(batch: Any, taken: Any) -> None:
    before = plain(batch)
    assert plain(take(batch, [2, 0], 3)) == taken
    assert plain(batch) == before


def test_a_copy_shares_no_memory_and_no_gradient() -> None:
    weight = torch.ones(2, requires_grad=True)
    batch = {"x": weight * 2, "y": "text"}
    copied = clone(batch)
    assert not copied["x"].requires_grad
    copied["x"].zero_()
    assert batch["x"].tolist() == [2.0, 2.0]
    assert copied["y"] == "text"


@pytest.mark.parametrize(
    ("batch", "inputs"),
    [
        ((1, 2), 1), ([1, 2], 1), ((), ()), (3, 3),
        ({"label": 1, "x": 2, "image": 3}, 2), ({"first": 1, "second": 2}, 1), ({}, None),
    ],
)  # fmt: skip
def test_the_inputs_are_found_by_name_or_place(batch: Any, inputs: Any) -> None:
    assert inputs_of(batch) == inputs


@pytest.mark.parametrize(
    ("batch", "classes"),
    [
        ((ROWS, LABELS), [4, 5, 6]),
        ([ROWS, LABELS.float().view(3, 1)], [4, 5, 6]),
        ({"x": ROWS, "label": LABELS}, [4, 5, 6]),
        ((ROWS, LABELS + 0.5), None),
        ((ROWS, ROWS), None),
        ((ROWS, torch.tensor(3)), None),
        ((ROWS, LABELS.to(torch.complex64)), None),
        ((ROWS,), None),
        ({"x": ROWS}, None),
        (ROWS, None),
    ],
)
def test_classes_are_whole_numbers_one_for_each_example(batch: Any, classes: Any) -> None:
    found = classes_of(batch)
    assert (None if found is None else found.tolist()) == classes
    assert found is None or found.dtype == torch.int64
