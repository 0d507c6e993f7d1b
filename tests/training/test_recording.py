"""history.csv is exact: equal runs give equal bytes, and the bytes give the numbers back."""

import csv
import io

from project.training.recording import history_csv


def test_floats_are_written_so_that_they_can_be_read_back_exactly() -> None:
    rows: list[dict[str, float]] = [
        {"epoch": 1, "lr": 0.1, "val/error": 1 / 3},
        {"epoch": 2, "lr": 1e-300, "val/error": 0.1 + 0.2},
    ]
    text = history_csv(rows)
    assert text == ("epoch,lr,val/error\n1,0.1,0.3333333333333333\n2,1e-300,0.30000000000000004\n")
    read = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]
    assert read == rows
