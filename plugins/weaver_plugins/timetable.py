"""A cron timetable that never runs a past slot because a DAG was switched on.

Airflow's `CronTriggerTimetable` runs the last slot at once where a DAG is switched on soon after it (within a tenth of
the interval, airflow#64162), and at any hour where the DAG was paused over it. With few active runs allowed, that run
gets in front of the run that a person has just triggered.
"""

from datetime import timedelta

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

GRACE = timedelta(seconds=60)  # a busy scheduler creates the run of a slot this late, and the slot is not lost


class UpcomingCronTimetable(CronTriggerTimetable):
    """Runs at the slots of a cron expression that lie ahead; a slot that was missed is left out.

    A slot is missed when the DAG was paused or no scheduler ran at its time. Monitoring starts a retraining whose last
    one is too long ago, so nothing has to be made up for here.
    """

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The first slot after the last scheduled run that is not older than `GRACE`; None after the DAG's end date."""
        slot = self._align_to_next(pendulum.now("UTC") - GRACE)
        if last_automated_data_interval is not None:
            slot = max(slot, self._get_next(last_automated_data_interval.end))
        if restriction.earliest is not None:
            slot = max(slot, self._align_to_next(restriction.earliest))
        if restriction.latest is not None and restriction.latest < slot:
            return None
        return DagRunInfo.exact(slot)
