"""The way of many rows down many trees, compiled when this is imported, which takes a second or two."""

from __future__ import annotations

import numba
import numpy as np
from numba import float32, float64, int64, types, uint32, void
from numpy.typing import NDArray

# Eight bytes: the feature and the place of the first child share four. The second child follows the first; a leaf is
# its own first child, and nothing is above its threshold.
NODE = np.dtype([("threshold", np.float32), ("way_on", np.uint32)])
CHILD_BITS = 24

WALKERS = 16  # as many nodes as a core fetches from memory at a time
STRIDE = 4  # steps between two looks at whether all have arrived

CHILD, TO_FEATURE = np.uint32(2**CHILD_BITS - 1), np.uint32(CHILD_BITS)
_nodes = types.Array(numba.from_dtype(NODE), 1, "C", readonly=True)
_values, _roots = types.Array(float64, 1, "C", readonly=True), types.Array(uint32, 1, "C", readonly=True)


@numba.njit(void(_nodes, _values, _roots, float32[:, ::1], float64[::1]), nogil=True, boundscheck=False)
def add_leaves(
    nodes: NDArray[np.void],
    values: NDArray[np.float64],
    roots: NDArray[np.uint32],
    rows: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> None:
    """Adds to ``sums`` [N] the ``values`` [K] of the leaves where ``rows`` [N, F] come out, tree by tree.

    ``nodes`` [K] are ``NODE``; ``roots`` [T] are places among them. The interpreter is not needed meanwhile.
    """
    width, cells = rows.shape[1], rows.ravel()
    at, row = np.zeros(WALKERS, np.uint32), np.zeros(WALKERS, np.int64)
    ways, next_tree, next_row = len(rows) * len(roots), 0, 0
    for first in range(0, ways, WALKERS):
        walkers = min(WALKERS, ways - first)
        for k in range(walkers):
            at[k], row[k] = roots[next_tree], next_row
            next_row += 1
            if next_row == len(rows):
                next_tree, next_row = next_tree + 1, 0
        under_way = True
        while under_way:
            for _ in range(STRIDE):
                under_way = False
                for k in range(WALKERS):  # always all, so that the processor need not guess
                    node = nodes[at[k]]
                    cell = cells[row[k] * width + int64(node.way_on >> TO_FEATURE)]
                    further = (node.way_on & CHILD) + uint32(cell > node.threshold)
                    under_way |= further != at[k]
                    at[k] = further
        for k in range(walkers):
            sums[row[k]] += values[at[k]]
