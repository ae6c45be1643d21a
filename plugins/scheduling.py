"""Registers the project's timetable and deadline: Airflow deserialises only those that a plugin names."""

from airflow.plugins_manager import AirflowPlugin
from weaver_plugins.deadline import RunQueuedAt
from weaver_plugins.timetable import UpcomingCronTimetable


class Scheduling(AirflowPlugin):
    """Registers the timetable and the deadline reference with Airflow."""

    name = "neuroweaver_scheduling"
    timetables = [UpcomingCronTimetable]
    deadline_references = [RunQueuedAt]
