"""Classifying images: the loss and the metrics are what their names say."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from project.tasks.image_classification import ImageClassification


class Scores(nn.Module):
    """Answers with scores that were agreed upon."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Any:
        return self.answer


def task(answer: Any, **settings: Any) -> ImageClassification:
    made = ImageClassification(Scores(answer), optimizer=lambda net: None, **settings)  # type: ignore[arg-type, return-value]
    made.logged = {}  # type: ignore[attr-defined]
    made.log = lambda name, value, **more: made.logged.update({name: float(value)})  # type: ignore[assignment, attr-defined]
    return made


IMAGES = torch.zeros(4, 1, 2, 2)
CLASSES = torch.tensor([0, 1, 2, 0])
SCORES = torch.tensor([[2.0, 1, 0], [0, 1, 2], [0, 0, 3], [5, 0, 0]])


def test_accuracy_and_error_are_shares_of_all_images_of_a_stage() -> None:
    made = task(SCORES)
    made.validation_step((IMAGES, CLASSES), 0)
    made.net.answer = SCORES[:1]
    made.validation_step((IMAGES[:1], torch.tensor([1])), 1)
    made.on_validation_epoch_end()
    losses = [cross_entropy(SCORES, CLASSES), cross_entropy(SCORES[:1], torch.tensor([1]))]
    expected = (4 * losses[0] + losses[1]) / 5
    assert made.logged == {  # type: ignore[attr-defined]
        "val/loss": pytest.approx(float(expected)),
        "val/error": pytest.approx(2 / 5),
        "val/accuracy": pytest.approx(3 / 5),
    }


def test_labels_are_smoothed_in_training_alone() -> None:
    made = task(SCORES, label_smoothing=0.2)
    smoothed = cross_entropy(SCORES, CLASSES, label_smoothing=0.2)
    assert torch.equal(made.training_step((IMAGES, CLASSES), 0), smoothed)
    assert torch.equal(made.loss_of((IMAGES, CLASSES), "val")[0], cross_entropy(SCORES, CLASSES))


def test_training_images_alone_are_augmented() -> None:
    seen = []

    def augmentation(images: Tensor) -> Tensor:
        seen.append(images)
        return images

    made = task(SCORES, augmentation=augmentation)
    made.validation_step((IMAGES, CLASSES), 0)
    made.test_step((IMAGES, CLASSES), 0)
    assert seen == []
    made.training_step((IMAGES, CLASSES), 0)
    assert len(seen) == 1


def test_a_test_batch_says_what_was_answered() -> None:
    answers = task(SCORES).test_step((IMAGES, CLASSES), 0)
    assert answers["prediction"].tolist() == [0, 2, 2, 0]
    assert answers["target"].tolist() == CLASSES.tolist()


@pytest.mark.parametrize(
    ("answer", "described"),
    [
        (torch.zeros(4, 3, 2), r"one of \(4, 3, 2\)"),
        (torch.zeros(3, 4), r"one of \(3, 4\)"),
        ((SCORES, SCORES), "a tuple"),
        (None, "a NoneType"),
    ],
)
def test_a_net_that_returns_something_else_is_told_what_is_expected(
    answer: Any, described: str
) -> None:
    message = (
        r"task=image_classification expects a net that returns scores \(N, classes\), a tensor "
        rf"\(4, K\) for this batch, got {described}"
    )
    with pytest.raises(TypeError, match=message):
        task(answer).training_step((IMAGES, CLASSES), 0)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_smoothing_that_makes_no_sense_is_refused(smoothing: float) -> None:
    with pytest.raises(ValueError, match=r"label_smoothing must be at least 0, below 1"):
        task(SCORES, label_smoothing=smoothing)
