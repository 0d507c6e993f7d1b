"""What metrics are called in TensorBoard: by runs, and by the report that sums them up."""

STAGES = ("train", "val", "test")


def tag(metric: str) -> str:
    """Return `error/train` for `train/error`, so that a quantity's stages stand side by side."""
    stage, _, quantity = metric.partition("/")
    return f"{quantity}/{stage}" if stage in STAGES and quantity else metric
