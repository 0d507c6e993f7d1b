"""IDX files are read as they are meant, or refused with the rule."""

import numpy as np
import pytest

from project.data.idx_files import parse_digits, parse_idx
from project.data.mnist_files import DataError
from tests.data.small_files import idx


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "IDX magic must be 00 00 08 03, got $"),
        (idx(np.zeros(3, np.uint8)), "IDX magic must be 00 00 08 03, got 00 00 08 01"),
        (idx(np.zeros((1, 28, 28), np.uint8))[:10], "IDX header must be 16 bytes long, got 10"),
        (
            idx(np.zeros((2, 28, 27), np.uint8)),
            r"got shape \(2, 28, 27\) in the header and 1512 bytes of items$",
        ),
        (
            idx(np.zeros((2, 28, 28), np.uint8))[:-1],
            r"got shape \(2, 28, 28\) in the header and 1567 bytes of items$",
        ),
        (
            idx(np.zeros((2, 28, 28), np.uint8)) + b"x",
            r"got shape \(2, 28, 28\) in the header and 1569 bytes of items$",
        ),
    ],
)
def test_a_malformed_idx_file_is_refused_with_the_rule(content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        parse_idx(content, (28, 28))


def test_an_image_without_a_label_is_refused() -> None:
    images, labels = np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8)
    with pytest.raises(DataError, match="there are 3 images but 2 labels"):
        parse_digits(idx(images), idx(labels))
