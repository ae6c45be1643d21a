"""Which held-out rows a training measures its loss on: the evaluation measures it on all."""

from collections.abc import Sequence
from typing import TypeVar

HELDOUT_ROWS = 64
Row = TypeVar("Row")


def take_evenly(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """At most so many of some rows, taken evenly; all if `most` is 0.

    >>> take_evenly([1, 2, 3, 4, 5, 6, 7], 3), take_evenly([1, 2], 3)
    ([1, 3, 5], [1, 2])
    """
    if not 0 < most < len(rows):
        return rows
    return [rows[number * len(rows) // most] for number in range(most)]
