"""Registers the project's timetable: Airflow deserialises only timetables that a plugin names."""

from airflow.plugins_manager import AirflowPlugin
from weaver_plugins.timetable import UpcomingCronTimetable


class Timetables(AirflowPlugin):
    name = "neuroweaver_timetables"
    timetables = [UpcomingCronTimetable]
