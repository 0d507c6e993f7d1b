"""The Custom Scalars tab: which curves share a chart."""


def _chart(*tags: str) -> list[object]:
    return ["Multiline", [f"^{tag}$" for tag in tags]]


# Category, chart, tags. Every run writes it, and TensorBoard merges what is equal.
LAYOUT = {
    "error": {
        "error: train and validation": _chart("error/train", "error/val"),
        "error of the digits: train and validation": _chart("digit_error/train", "digit_error/val"),
    },
    "loss": {
        "loss: train and validation": _chart("loss/train", "loss/val"),
        "parts of the training loss": _chart("comparison_loss/train", "auxiliary_loss/train"),
        "parts of the validation loss": _chart("comparison_loss/val", "auxiliary_loss/val"),
    },
}
