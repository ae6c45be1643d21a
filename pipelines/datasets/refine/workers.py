"""Where batches are worked on: here, in processes beside this one, or on Ray Data. The results come in order."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import pyarrow as pa

from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings

MIN_POOL_ROWS = 20_000  # rows; fewer are done before a process has started

Function = Callable[[pa.Table], pa.Table]


class Workers:
    """A context in which `map` works.

    Args:
        engine: ray, or local: processes of this machine, as many as it has cores, where that pays.
        rows: how many there are to work on.
    """

    def __init__(self, engine: Literal["local", "ray"], rows: int) -> None:
        self.engine, self.rows = engine, rows
        self.map: Callable[[Function, Iterable[pa.Table]], Iterator[pa.Table]] = map
        self.opened = ExitStack()

    def __enter__(self) -> Self:
        cores = len(os.sched_getaffinity(0))
        if self.engine == "ray":
            self.map = start_ray(self.opened)
        elif self.rows >= MIN_POOL_ROWS and cores > 1:
            fresh = multiprocessing.get_context("spawn")  # a fork would copy the locks of Arrow's threads
            pool = self.opened.enter_context(ProcessPoolExecutor(cores, fresh, initializer=exit_with_parent))
            self.map = lambda function, tables: map_in_processes(pool, cores, function, tables)
        return self

    def __exit__(self, *error: Any) -> None:
        self.opened.close()


def map_in_processes(
    pool: ProcessPoolExecutor, cores: int, function: Function, tables: Iterable[pa.Table]
) -> Iterator[pa.Table]:
    """The pool's own `map` would take in all tables at once; here two a process are on their way."""
    waiting: deque[Any] = deque()
    for table in tables:
        waiting.append(pool.submit(function, table))
        if len(waiting) > 2 * cores:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def exit_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start_ray(opened: ExitStack) -> Callable[[Function, Iterable[pa.Table]], Iterator[pa.Table]]:
    """Ray Data, on the cluster that settings name; else on one of our own, which ends with this run.

    Raises:
        WeaverError: Ray is not installed, or the cluster does not answer.
    """
    address = settings().ray_address
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:  # Ray calls it a Windows and macOS matter, but only this keeps its servers on the loopback address
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
        from ray.data import DataContext, from_arrow
    except ImportError as error:
        raise WeaverError(
            f"refine.engine is ray, and Ray is not installed: {error}",
            "Install it: `pip install neuroweaver[ray]`; or set refine.engine=local.",
        ) from error

    if not ray.is_initialized():
        try:
            if address:
                ray.init(address, log_to_driver=False)
            else:  # a short path: its sockets lie below, whose names may have 107 characters
                folder = opened.enter_context(TemporaryDirectory(prefix="weaver-ray-", ignore_cleanup_errors=True))
                ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", _temp_dir=folder, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WeaverError(
                f"Ray does not start (WEAVER_RAY_ADDRESS={address!r}): {error}",
                "Correct or unset WEAVER_RAY_ADDRESS; or set refine.engine=local.",
            ) from error
        opened.callback(ray.shutdown)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True

    def over_ray(function: Function, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        dataset = from_arrow(list(tables)).map_batches(function, batch_format="pyarrow", batch_size=None)
        return iter(dataset.iter_batches(batch_format="pyarrow", batch_size=None))

    return over_ray
