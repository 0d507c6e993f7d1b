"""Names of metrics in TensorBoard, used by runs and by the report that summarises them."""

STAGES = ("train", "val", "test")


def tag(metric: str) -> str:
    """Return `error/train` for `train/error`, so that TensorBoard shows a metric's stages together.

    A name that does not begin with a stage is returned as it is.
    """
    stage, _, quantity = metric.partition("/")
    return f"{quantity}/{stage}" if stage in STAGES and quantity else metric
