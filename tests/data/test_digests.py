"""The fingerprint of examples sees every bit of them, and neither their order nor their batches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from project.data.digests import ExampleDigest
from project.data.mnist_pairs import MnistPairs


def digest(*batches: Any) -> str | None:
    found = ExampleDigest()
    for batch in batches:
        found.add_batch(batch)
    return found.hexdigest()


IMAGES, LABELS = torch.randn(6, 2, 3), torch.arange(6)


def test_order_and_batches_do_not_count() -> None:
    whole = digest((IMAGES, LABELS))
    order = torch.tensor([4, 1, 5, 0, 2, 3])
    mixed = [(IMAGES[part], LABELS[part]) for part in order.split(4)]
    assert digest(*mixed) == whole
    assert digest(*[(IMAGES[k : k + 1], LABELS[k : k + 1]) for k in range(6)]) == whole


def test_every_value_its_type_its_shape_and_its_example_count() -> None:
    changed = IMAGES.clone()
    changed[5, 1, 2] += 1e-6
    others = [
        (changed, LABELS),
        (IMAGES, LABELS.flip(0)),
        (IMAGES.double(), LABELS),
        (IMAGES.reshape(6, 3, 2), LABELS),
        (IMAGES[:5], LABELS[:5]),
        (torch.cat([IMAGES, IMAGES[:1]]), torch.cat([LABELS, LABELS[:1]])),
        (LABELS, IMAGES),
        (IMAGES,),
    ]
    found = [digest(batch) for batch in [(IMAGES, LABELS), *others]]
    assert len(set(found)) == len(found)


def test_batches_may_be_dictionaries_arrays_numbers_and_texts() -> None:
    batch = {"image": IMAGES, "label": LABELS.tolist(), "name": list("abcdef")}
    again = {"name": list("abcdef"), "label": LABELS.tolist(), "image": IMAGES.numpy()}
    assert digest(batch) == digest(again)
    assert digest(batch) != digest(batch | {"name": list("abcdeg")})
    assert digest(np.arange(3)) == digest(*[np.arange(3)[k : k + 1] for k in range(3)])
    assert digest(IMAGES.bfloat16()) == digest(IMAGES.bfloat16().float())


def test_nothing_has_no_fingerprint() -> None:
    assert digest() is digest([]) is None


@pytest.mark.parametrize("stage", ["train", "test"])
def test_pairs_have_the_fingerprint_of_their_digits(
    make_pairs: Callable[..., MnistPairs], stage: str
) -> None:
    """As they were drawn: two variants pair by it, whatever they do to the pixels."""

    def found(**changes: Any) -> str | None:
        data = make_pairs(**changes)
        data.setup()
        return data.example_digest(stage)

    changes = {"normalise": False, "batch_size": 7, "shuffle": False, "resample_pairs": True}
    assert found() == found(**changes)
    assert len({found(), found(seed=1), found(**{f"{stage}_pairs": 19})}) == 3
