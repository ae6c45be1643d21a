"""Pools of worker processes that start the same way whatever the main program is."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; a fork would copy the locks of the threads of Arrow and torch.

    A spawned process imports the main program again, for the functions that it may define. Airflow cannot be imported
    within a task, where its database is out of reach. So the pool's processes see an empty main program.
    """
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=prepare_worker) as pool:
            yield pool
    finally:
        sys.modules["__main__"] = main


def prepare_worker() -> None:
    """Let a worker end with its parent, and use no threads of its own: there is one worker for each core."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    exit_with_parent()


def exit_with_parent() -> None:
    """End this worker when its parent ends, even if the parent was killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def wait_for_parent() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_for_parent, daemon=True).start()
