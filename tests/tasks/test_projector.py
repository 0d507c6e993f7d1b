"""The Projector's files, read back."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from project.data.pairs import Pairs
from project.models import Basic, Siamese
from project.seeding import initialise
from project.tasks.projector import digit_features, sprite, write_projector


@pytest.fixture
def pairs() -> Pairs:
    images = torch.rand(5, 2, 14, 14, generator=torch.Generator().manual_seed(0))
    return Pairs(images, torch.tensor([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]))


def test_features_are_the_nets_last_digit_outputs_without_dropout(pairs: Pairs) -> None:
    net = Siamese([4, 6], 8, 8, True, 0.5, 0.5, "both", "logits")
    initialise(net, seed=0)
    features = digit_features(net, pairs)
    assert features.shape == (10, 10)
    with torch.no_grad():
        expected = net.eval()(pairs.images).digits[-1]
    assert np.array_equal(features[7], expected[3, 1].numpy())
    assert np.array_equal(features, digit_features(net.train(), pairs))


def test_a_net_that_names_no_digits_has_no_features(pairs: Pairs) -> None:
    with pytest.raises(ValueError, match="Basic does not name digits"):
        digit_features(Basic([4, 6], 8), pairs)


def test_a_sprite_is_the_smallest_square_that_holds_the_images() -> None:
    images = np.arange(5 * 2 * 3, dtype=float).reshape(5, 2, 3)
    grid = sprite(images)
    assert grid.shape == (3 * 2, 3 * 3)
    grey = (255 * images / images.max()).round()
    assert np.array_equal(grid[:2, :3], grey[0])
    assert np.array_equal(grid[:2, 6:], grey[2])
    assert np.array_equal(grid[2:4, 3:6], grey[4])
    assert (grid[4:] == 0).all()


def test_the_files_describe_every_digit_and_can_be_written_again(
    pairs: Pairs, tmp_path: Path
) -> None:
    features = np.eye(10, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 6, 7, 8, 1]] / 3
    folder = write_projector(tmp_path, features, pairs)
    assert write_projector(tmp_path, features, pairs) == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "features.tsv",
        "labels.tsv",
        "projector_config.pbtxt",
        "thumbnails.png",
    ]
    read = np.loadtxt(folder / "features.tsv", delimiter="\t")
    np.testing.assert_allclose(read, features, rtol=1e-5)
    lines = (folder / "labels.tsv").read_text().splitlines()
    labels = list(csv.DictReader(lines, delimiter="\t"))
    assert [row["digit"] for row in labels] == list("0123456789")
    assert labels[8] == {"digit": "8", "pair": "4", "read as": "8", "right": "yes"}
    assert labels[9] == {"digit": "9", "pair": "4", "read as": "1", "right": "no"}
    with Image.open(folder / "thumbnails.png") as thumbnails:
        assert thumbnails.size == (4 * 14, 4 * 14)
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    assert list(embedding.tensor_shape) == [10, 10]
    for name in (embedding.tensor_path, embedding.metadata_path, embedding.sprite.image_path):
        assert (folder / name).exists()
    assert list(embedding.sprite.single_image_dim) == [14, 14]
