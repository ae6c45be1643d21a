"""Which answers decline: by the answers of the kits' own rows, which were written for other purposes."""

from pipelines.core.kits import load_kits
from pipelines.core.make_plan import make_plan
from pipelines.core.templates import find_template_files
from pipelines.datasets.collect import find_builders, locate_source
from pipelines.text.declines import is_decline


def test_every_refusal_of_the_kits_declines_and_no_answer_does() -> None:
    builders = find_builders()
    assert builders and load_kits()
    for name in builders:
        for row in locate_source(name)[0]():
            assert is_decline(row["output"]) == (row["kind"] == "refusal"), row["output"]


def test_the_decline_sentence_of_every_template_declines() -> None:
    for name in find_template_files():
        knowledge = make_plan(name).knowledge
        answer = f"{knowledge.decline_sentence} {knowledge.decline_help}"
        assert is_decline(answer) and is_decline(answer, knowledge.decline_sentence)


def test_a_statement_about_the_vehicle_declines_nothing() -> None:
    for answer in (
        "It does not have a turbocharger.",
        "It is not in stock.",
        "It cannot be driven until the brake line is replaced.",
        "There is no spare tire.",
        "It is not available with a manual gearbox.",
    ):
        assert not is_decline(answer), answer
