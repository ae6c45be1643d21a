"""The graph of a DAG, drawn from the table of stages: a task for each stage, an edge for each artifact it takes."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import TaskGroup

from pipelines.stages.stage import GROUPS, Group
from pipelines.stages.table import STAGES
from weaver_dags.tasks import stage_task


def task_group(group: Group) -> TaskGroup:
    """A box around the tasks that are made inside `with`; their ids stay short, without the group's name."""
    return TaskGroup(
        group,
        group_display_name=group.capitalize(),
        tooltip=GROUPS[group],
        prefix_group_id=False,
        add_suffix_on_collision=False,
    )


def stage_tasks(*names: str, **options: dict[str, Any]) -> dict[str, Any]:
    """A task for each of these stages: stage → task.

    Args:
        options: stage → further options of its task, as `execution_timeout`.
    """
    return {name: stage_task(name, **options.get(name, {})) for name in names}


def connect_stages(tasks: Mapping[str, Any], made_by: Mapping[str, str] | None = None) -> None:
    """Draw an edge from every stage to each stage that takes its artifact.

    Args:
        tasks: stage → task; a stage's sources must be among them.
        made_by: stage → the stage that stands in for it in this DAG: after a rollback, `deploy` takes the artifact of
            `rollback` where it otherwise takes that of `promote`.
    """
    for name, task in tasks.items():
        for source in STAGES[name].takes:
            tasks[(made_by or {}).get(source, source)] >> task
