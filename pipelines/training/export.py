"""The export stage: what was trained becomes what will be served."""

import shutil
from pathlib import Path

from pipelines.artifacts import Adapter, Export
from pipelines.files import digest
from pipelines.plan import TrainingPlan
from pipelines.training.base import prepare
from pipelines.training.merge import merge


def export(adapter: Adapter, plan: TrainingPlan, work: Path) -> Export:
    """Merge the adapter into its base; only the newest export is kept, any other can be made again."""
    folder = work / "export" / digest([adapter.digest, adapter.base_digest, plan.digest("base")])[:12]
    merge(adapter, plan, folder)
    for older in folder.parent.iterdir():
        if older.is_dir() and older != folder:
            shutil.rmtree(older)
    return Export(uri=str(folder), digest=digest(folder), base_uri=str(prepare(plan.base)), adapter=adapter)
