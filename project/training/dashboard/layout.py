"""How quantities are called in TensorBoard, and, in the Custom Scalars tab, which share a chart."""

# TensorBoard goes by the alphabet: what stands first is seen first, and of the metrics the HParams
# tab shows only five unasked. So the error comes first, and parts come after their whole.
TAGS = {
    "digit_error": "error_of_digits",
    "comparison_loss": "loss_comparison",
    "auxiliary_loss": "loss_auxiliary",
}


def tag(metric: str) -> str:
    """`train/error` becomes `error/train`, so that the stages of a quantity stand side by side."""
    stage, _, quantity = metric.partition("/")
    return f"{TAGS.get(quantity, quantity)}/{stage}"


def _chart(*tags: str) -> list[object]:
    return ["Multiline", [f"^{tag}$" for tag in tags]]


# Category, chart, tags. Every run writes it, and TensorBoard merges what is equal.
LAYOUT = {
    "error": {
        "error: train and validation": _chart("error/train", "error/val"),
        "error of the digits: train and validation": _chart(
            "error_of_digits/train", "error_of_digits/val"
        ),
    },
    "loss": {
        "loss: train and validation": _chart("loss/train", "loss/val"),
        "parts of the training loss": _chart("loss_comparison/train", "loss_auxiliary/train"),
        "parts of the validation loss": _chart("loss_comparison/val", "loss_auxiliary/val"),
    },
}
