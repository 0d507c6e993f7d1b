"""What metrics are called in TensorBoard: as seen by runs, and by whoever sums runs up."""

# TensorBoard goes by the alphabet: what stands first is seen first, and of the metrics the HParams
# tab shows only five unasked. So the error comes first, and parts come after their whole.
QUANTITIES = {
    "digit_error": "error_of_digits",
    "comparison_loss": "loss_comparison",
    "auxiliary_loss": "loss_auxiliary",
}


def tag(metric: str) -> str:
    """`train/error` becomes `error/train`, so that the stages of a quantity stand side by side."""
    stage, _, quantity = metric.partition("/")
    return f"{QUANTITIES.get(quantity, quantity)}/{stage}"
