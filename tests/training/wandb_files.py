"""What wandb has written while offline, read with wandb's own messages.

Its files are logs in LevelDB's format: blocks of 32 KiB, records in one or several parts, each with
a checksum, a length and a type.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEADER, BLOCK = 7, 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(file: Path) -> Iterator[Any]:
    """Yield the records of a .wandb file."""
    from wandb.proto import wandb_internal_pb2 as messages

    content = file.read_bytes()
    assert content[:4] == b":W&B"
    place, parts = HEADER, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        parts += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (FULL, LAST):
            record: Any = messages.Record()  # type: ignore[missing-attribute]
            record.ParseFromString(parts)
            yield record
            parts = b""


def history(file: Path) -> list[dict[str, Any]]:
    """Return what was logged, one dictionary for each call."""
    return [
        {
            item.key or "/".join(item.nested_key): json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records(file)
        if record.WhichOneof("record_type") == "history"
    ]


def values(file: Path, kind: str) -> dict[str, Any]:
    """Return the last values of the configuration (`config`) or the summary (`summary`)."""
    found: dict[str, Any] = {}
    for record in records(file):
        if record.WhichOneof("record_type") == kind:
            for item in getattr(record, kind).update:
                key = item.key or "/".join(item.nested_key)
                found[key] = json.loads(item.value_json)
    return found
