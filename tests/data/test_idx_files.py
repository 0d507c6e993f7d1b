"""IDX files are read as they are meant, or refused with the rule."""

import numpy as np
import pytest

from project.data.idx_files import parse_idx
from project.data.mnist_files import DataError
from tests.data.small_files import idx


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "IDX magic must be 00 00 08 03, got $"),
        (idx(np.zeros(3, np.uint8)), "IDX magic must be 00 00 08 03, got 00 00 08 01"),
        (idx(np.zeros((1, 28, 28), np.uint8))[:10], "IDX header must be 16 bytes long, got 10"),
        (
            idx(np.zeros((2, 28, 28), np.uint8))[:-1],
            r"IDX items must be \(2, 28, 28\) as the header says, got 1567 bytes$",
        ),
        (
            idx(np.zeros((2, 28, 28), np.uint8)) + b"x",
            r"IDX items must be \(2, 28, 28\) as the header says, got 1569 bytes$",
        ),
    ],
)
def test_a_malformed_idx_file_is_refused_with_the_rule(content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        parse_idx(content, 3)
