"""Process batches in this process, in a process pool, or on Ray Data; the results come in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import pyarrow as pa

from pipelines.core.errors import WeaverError
from pipelines.core.processes import process_pool
from pipelines.core.settings import settings

MIN_POOL_ROWS = 20_000  # with fewer rows a pool takes longer to start than the work takes

Function = Callable[[pa.Table], pa.Table]


class Workers:
    """A context with a `map` that distributes its work.

    Args:
        engine: ray, or local: a process per core of this machine, if there are enough rows.
        rows: how many rows there are to process.
    """

    def __init__(self, engine: Literal["local", "ray"], rows: int) -> None:
        self.engine, self.rows = engine, rows
        self.map: Callable[[Function, Iterable[pa.Table]], Iterator[pa.Table]] = map
        self.resources = ExitStack()

    def __enter__(self) -> Self:
        cores = len(os.sched_getaffinity(0))
        if self.engine == "ray":
            self.map = start_ray(self.resources)
        elif self.rows >= MIN_POOL_ROWS and cores > 1:
            pool = self.resources.enter_context(process_pool(cores))
            self.map = lambda function, tables: map_in_processes(pool, cores, function, tables)
        return self

    def __exit__(self, *error: Any) -> None:
        self.resources.close()


def map_in_processes(
    pool: ProcessPoolExecutor, cores: int, function: Function, tables: Iterable[pa.Table]
) -> Iterator[pa.Table]:
    """Map in a process pool, with at most two tables per process queued; the pool's `map` would read all tables."""
    waiting: deque[Any] = deque()
    for table in tables:
        waiting.append(pool.submit(function, table))
        if len(waiting) > 2 * cores:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def start_ray(resources: ExitStack) -> Callable[[Function, Iterable[pa.Table]], Iterator[pa.Table]]:
    """A `map` on Ray Data: on the cluster of WEAVER_RAY_ADDRESS, otherwise on a local one that ends with this run.

    Raises:
        WeaverError: Ray is not installed, or the cluster cannot be reached.
    """
    address = settings().ray_address
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:  # despite its name, this keeps Ray's servers on the loopback address on Linux too
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
        from ray.data import DataContext, from_arrow
    except ImportError as error:
        raise WeaverError(
            f"refine.engine is ray, but Ray is not installed: {error}",
            "Install it with `pip install neuroweaver[ray]`, or set refine.engine=local.",
        ) from error

    if not ray.is_initialized():
        try:
            if address:
                ray.init(address, log_to_driver=False)
            else:  # a short path: its sockets are in it, and a socket's path may have 107 characters
                folder = resources.enter_context(TemporaryDirectory(prefix="weaver-ray-", ignore_cleanup_errors=True))
                ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", _temp_dir=folder, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WeaverError(
                f"Ray does not start (WEAVER_RAY_ADDRESS is '{address}'): {error}",
                "Correct or unset WEAVER_RAY_ADDRESS, or set refine.engine=local.",
            ) from error
        resources.callback(ray.shutdown)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True

    def map_on_ray(function: Function, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        dataset = from_arrow(list(tables)).map_batches(function, batch_format="pyarrow", batch_size=None)
        return iter(dataset.iter_batches(batch_format="pyarrow", batch_size=None))

    return map_on_ray
