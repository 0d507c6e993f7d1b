"""TensorBoard's Projector tab: the ten digit outputs of every test digit as labelled points."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.metadata import PLUGIN_ASSETS_NAME, PROJECTOR_FILENAME
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from torch import nn

from project.data.pairs import Pairs
from project.runs.atomic import replacing, write_text

NAME = "digit features"


def digit_features(net: nn.Module, pairs: Pairs) -> np.ndarray:
    """Return the net's digit outputs (2 N, 10) of N pairs, in order; ValueError if it has none."""
    net.eval()
    with torch.inference_mode():
        digits = net(pairs.images).digits
    if not digits:
        raise ValueError(
            f"{type(net).__name__} does not name digits: it has no ten features to show"
        )
    return digits[-1].reshape(-1, 10).numpy()


def write_projector(run: Path, features: np.ndarray, pairs: Pairs) -> Path:
    """Write the files of TensorBoard's Projector tab into a run directory; return their folder.

    `features` are those that `digit_features` returns of the pairs, (2 N, 10).
    """
    folder = run / "plugins" / PLUGIN_ASSETS_NAME
    folder.mkdir(parents=True, exist_ok=True)
    tsv: dict[str, Any] = {"sep": "\t", "index": False, "lineterminator": "\n"}
    write_text(
        folder / "features.tsv",
        pd.DataFrame(features).to_csv(header=False, float_format="%.6g", **tsv),
    )
    true, read = pairs.digits.flatten().numpy(), features.argmax(1)
    labels = {
        "digit": true,
        "pair": np.arange(len(true)) // 2,
        "read as": read,
        "right": np.where(true == read, "yes", "no"),
    }
    write_text(folder / "labels.tsv", pd.DataFrame(labels).to_csv(**tsv))
    with replacing(folder / "thumbnails.png") as file:
        Image.fromarray(sprite(pairs.images.flatten(0, 1).numpy())).save(file, format="PNG")
    embedding = {
        "tensor_name": NAME,
        "tensor_shape": features.shape,
        "tensor_path": "features.tsv",
        "metadata_path": "labels.tsv",
        "sprite": {"image_path": "thumbnails.png", "single_image_dim": pairs.images.shape[2:]},
    }
    config = text_format.MessageToString(ProjectorConfig(embeddings=[embedding]))
    # Written last: TensorBoard shows an error if the configuration names missing files.
    write_text(folder / PROJECTOR_FILENAME, config)
    return folder


def sprite(images: np.ndarray) -> np.ndarray:
    """Return images (M, H, W) as one uint8 image, row by row in the smallest square grid."""
    count, height, width = images.shape
    side = math.ceil(math.sqrt(count))
    low, high = float(images.min()), float(images.max())
    grey = 255 * (images - low) / max(high - low, 1e-12)
    grid = np.zeros((side * side, height, width), np.uint8)
    grid[:count] = grey.round()
    rows = grid.reshape(side, side, height, width).swapaxes(1, 2)
    return rows.reshape(side * height, side * width)
