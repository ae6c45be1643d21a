"""Which version answers, since when, and what it learnt: what monitoring holds the present to."""

import time

from ..models import Home


def test_nobody_answers_before_the_first_deployment(models: Home) -> None:
    assert models.run("fetch_deployed_version", {}).version == 0
    models.challenger(1)
    assert models.run("fetch_deployed_version", {}).version == 0


def test_it_is_the_version_that_was_deployed_last(models: Home) -> None:
    began = time.time() - 1  # the ledger counts whole seconds
    models.promoted(1)
    first = models.run("fetch_deployed_version", {})
    assert (first.version, first.dataset) == (1, models.dataset.tag)
    assert began <= first.trained <= first.since <= time.time()
    models.challenger(2, champion=1)
    later = models.run("fetch_deployed_version", {})
    assert later.version == 1 and later.trained >= first.trained, "a training counts, champion or not"
    models.promote(models.challenger(3, champion=1))
    models.rollback()
    back = models.run("fetch_deployed_version", {})
    assert back.version == 1 and back.since >= first.since
