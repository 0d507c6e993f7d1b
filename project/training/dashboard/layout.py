"""The Custom Scalars tab: which curves share a chart."""

from project.runs.tags import tag


def _chart(*metrics: str) -> list[object]:
    # TensorBoard takes them for regular expressions that match from the beginning.
    return ["Multiline", [f"^{tag(metric)}$" for metric in metrics]]


# Category, chart, curves. Every run writes it, and TensorBoard merges what is equal.
LAYOUT = {
    "error": {
        "error: train and validation": _chart("train/error", "val/error"),
        "error of the digits: train and validation": _chart("train/digit_error", "val/digit_error"),
    },
    "loss": {
        "loss: train and validation": _chart("train/loss", "val/loss"),
        "parts of the training loss": _chart("train/comparison_loss", "train/auxiliary_loss"),
        "parts of the validation loss": _chart("val/comparison_loss", "val/auxiliary_loss"),
    },
}
