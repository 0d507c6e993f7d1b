"""Names of metrics in TensorBoard, used by runs and by the report that summarises them."""

STAGES = ("train", "val", "test")


def tag(metric: str) -> str:
    """Return `error/train` for `train/error`: TensorBoard then shows a metric's stages together."""
    stage, _, quantity = metric.partition("/")
    return f"{quantity}/{stage}" if stage in STAGES and quantity else metric
