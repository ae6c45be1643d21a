"""Keep a number of rows, evenly over topics; which ones depends only on their text and the seed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.files import digest
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.duplicates import factorize, row_texts
from pipelines.datasets.refine.engine import KEPT, GlobalStep


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Each row's sort key for the draw, and its topic."""
    rows, seed = plan.refine.rows, plan.refine.seed
    order = [digest([seed, *texts]) if rows else "" for texts in row_texts(batch)]
    return pa.table({"order": pa.array(order, pa.string()), "topic": batch["topic"]})


def decide(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """Take a row of each topic in turn, until there are `plan.refine.rows`."""
    stays = np.ones(len(rows), dtype=bool)
    if 0 < plan.refine.rows < len(rows):
        order = pc.sort_indices(sketches["order"]).to_numpy()
        topics = factorize(sketches["topic"].take(pa.array(order)))
        turns = np.empty(len(rows), dtype=np.int64)
        for topic in range(topics.max() + 1):
            members = topics == topic
            turns[members] = np.arange(members.sum())
        stays[:] = False
        stays[order[np.lexsort((topics, turns))[: plan.refine.rows]]] = True
    return pc.if_else(pa.array(stays), KEPT, "not sampled")


sample = GlobalStep(prepare, decide)
