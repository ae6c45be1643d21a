"""Each step drops what it is for, and leaves alone what a dealership says."""

import pyarrow as pa
import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine import answer_steps, text_steps
from pipelines.datasets.refine.engine import STEPS, GlobalStep, load_step, parse_lines
from pipelines.kits.automotive import service_advisor

KIT = service_advisor.build()


@pytest.fixture(scope="module")
def plan() -> TrainingPlan:
    return make_plan("service_advisor")


def table(*rows: dict) -> pa.Table:
    blank = dict.fromkeys(("instruction", "input", "output", "source", "key"), "")
    whole = ({**blank, "topic": "any", "kind": "knowledge", "group": "one", "facts": {}, **row} for row in rows)
    return parse_lines(pa.table({"line": pa.array([canonical_json(row).encode() for row in whole], pa.binary())}))


def reasons(name: str, rows: list[dict], plan: TrainingPlan) -> list[str | None]:
    step, batch = load_step(name), table(*rows)
    if isinstance(step, GlobalStep):
        return step.decide(step.prepare(batch, plan), batch, plan).to_pylist()
    return step(batch, plan)["reason"].to_pylist()


def kinds(name: str, rows: list[dict], plan: TrainingPlan) -> list[str | None]:
    return [reason and reason.partition(":")[0] for reason in reasons(name, rows, plan)]


@pytest.mark.parametrize("name", ["normalise", "language", "length", "repetition", "answers"])
def test_the_kits_rows_come_through_unchanged(name: str, plan: TrainingPlan) -> None:
    assert set(reasons(name, KIT, plan)) == {None}
    if name == "normalise":
        done = text_steps.normalise(table(*KIT), plan).drop_columns(["reason"])
        assert done.equals(table(*KIT))


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("P0420 | city 30 mpg", "P0420 | city 30 mpg"),
        ("  two \t spaces\r\n\r\nand a line ", "two spaces\nand a line"),
        ("Citroe\u0308n", "Citro\u00ebn"),
        ("CitroÃ«n â€“ dâ€™occasion", "Citroën – d’occasion"),  # noqa: RUF001
        ("the 5.0 L V8’s “Coyote” — 460 hp", "the 5.0 L V8’s “Coyote” — 460 hp"),  # noqa: RUF001
        ("<p>Check the <b>gas cap</b>.</p><p>Then drive.</p>", "Check the gas cap.\nThen drive."),
        ('see <a href="https://dealer.example/x?a=1">our page</a>', "see our page"),
        ("brakes &amp; tires &lt; $500", "brakes & tires < $500"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("if 25 <b and c> 30 psi, <VIN> or <s>", "if 25 <b and c> 30 psi, <VIN> or <s>"),
        ("a<!-- note --> b<script>alert(1)</script>", "a b"),
        ("null\x00byte\x1b[31m red\x1b[0m", "nullbyte red"),
    ],
)
def test_normalise(given: str, clean: str, plan: TrainingPlan) -> None:
    done = text_steps.normalise(table({"instruction": given, "output": "x", "facts": {"said": given}}), plan)
    assert done["instruction"].to_pylist() == [clean]
    assert done["facts"].to_pylist() == [canonical_json({"said": clean})]


FOREIGN = [
    "Der Motor hat einen Hubraum von 2,0 Litern und vier Zylinder, und das Getriebe ist automatisch.",
    "Le véhicule est équipé d'un moteur à quatre cylindres et d'une boîte automatique.",
    "El coche tiene un motor de gasolina de cuatro cilindros y una caja de cambios automática.",
    "La macchina ha un motore a quattro cilindri, due litri, con cambio automatico.",
    "エンジンは四気筒で排気量は二リットルです。とても静かな車です。安心して乗れます。どうぞよろしくお願いします。",
]
ENGLISH = [
    "Most likely cause: Aged or worn-out catalytic converter.",
    "P0420 P0430 catalyst efficiency below threshold bank 1 bank 2",
    "Engine: 2.0 L turbo; transmission: 8-speed automatic; drivetrain: AWD",
    "Mercedes-Benz Sprinter 2500 Crew, BMW X5 xDrive40i, Volkswagen ID.4, Citroën C3 Aircross",
    "MSRP $32,500; destination $1,095; dealer add-ons $499 VIN 1HGCM82633A004352",
    "Ja.",
]


def test_language(plan: TrainingPlan) -> None:
    rows = [{"output": said} for said in FOREIGN + ENGLISH]
    assert kinds("language", rows, plan) == ["not in en"] * len(FOREIGN) + [None] * len(ENGLISH)
    assert kinds("language", [{"instruction": "What is the engine like?", "output": FOREIGN[0]}], plan) == ["not in en"]
    with pytest.raises(WeaverError, match="'english' is not a supported language"):
        kinds("language", rows, make_plan("service_advisor", {"refine.language": "english"}))
    german = make_plan("service_advisor", {"refine.language": "de"})
    assert reasons("language", [{"output": said} for said in FOREIGN[:2]], german) == [None, "not in de: output in fr"]


def test_length(plan: TrainingPlan) -> None:
    short = make_plan("service_advisor", {"refine.min_output_chars": 2, "refine.max_input_chars": 5})
    rows = [
        {"instruction": "What?", "output": "4"},
        {"instruction": "What?", "output": "é4"},
        {"instruction": "What?", "output": "42", "input": "123456"},
        {"instruction": "Hm", "output": "42"},
    ]
    assert reasons("length", rows, short) == ["output too short", None, "input too long", "instruction too short"]


def test_repetition(plan: TrainingPlan) -> None:
    rows = [
        {"output": "Check the gas cap. " * 12},
        {"output": "Check the gas cap. Then check the hose. Then check the gas cap again, and drive it for a day."},
        {"output": "no no no"},
    ]
    assert kinds("repetition", rows, plan) == ["repetitive", None, None]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("As an AI language model, I cannot drive.", "template leakage"),
        ("The price is {price}.", "template leakage"),
        ("Call [INSERT NUMBER].", "template leakage"),
        ("Yes.<|im_end|>", "template leakage"),
        ("Yes.\n### Response: Yes.", "template leakage"),
        ("[INST] Yes [/INST]", "template leakage"),
        ("Check the hose, then the gas cap (see the", "truncated answer"),
        ("Run this:\n```\nread codes", "truncated answer"),
        ("Check the gas cap, the hoses and the", "truncated answer"),
        ("30 mpg", None),
        ('It has 17" wheels (18" on the Sport): see 1) and 2).', None),
        ("Tighten to 25 Nm [18 lb-ft], then {ok}: no.".replace("{ok}", "check"), None),
    ],
)
def test_an_answer_by_itself(said: str, reason: str | None, plan: TrainingPlan) -> None:
    assert kinds("answers", [{"instruction": "What now?", "output": said}], plan) == [reason]


def test_an_answer_without_a_full_stop_where_its_topic_has_them(plan: TrainingPlan) -> None:
    rows = [
        {"instruction": f"What of bolt {n}?", "topic": topic, "output": f"Tighten bolt number {n} by hand{stop}"}
        for topic, stop in (("careful", "."), ("careless", ""))
        for n in range(answer_steps.MIN_ANSWERS)
    ]
    rows.append({"instruction": "And the nut?", "topic": "careful", "output": "Tighten the nut and then drive"})
    rows.append({"instruction": "How much?", "topic": "careful", "output": "30 Nm"})
    found = kinds("answers", rows, plan)
    assert found[:-2] == [None] * (2 * answer_steps.MIN_ANSWERS)
    assert found[-2:] == ["truncated answer", None]


ASKED = {"instruction": "What is the torque?", "input": "bolt 1"}


def test_answers_with_different_facts_are_both_dropped_if_nothing_says_which_is_right(plan: TrainingPlan) -> None:
    rows = [
        {**ASKED, "output": "3 Nm", "source": "mine.csv:1"},
        {"instruction": "what is torqeu", "input": "Bolt 1", "output": "4 Nm", "source": "mine.csv:2"},
    ]
    both = "contradictory answers: '3 Nm' (mine.csv:1) and '4 Nm' (mine.csv:2); release the right one"
    assert reasons("near_duplicates", rows, plan) == [both, both]


@pytest.mark.parametrize(
    "rows",
    [
        [{"output": "3 Nm", "input": "bolt 1 | 3 Nm"}, {"output": "4 Nm", "input": "bolt 1 | 3 Nm"}],
        [{"output": "3 Nm", "facts": {"torque": "3 Nm"}}, {"output": "4 Nm", "source": "later.csv:1"}],
        [{"output": "4 Nm", "source": "later.csv:1"}, {"output": "3 Nm", "facts": {"torque": "3 Nm"}}],
        [{"output": "4 Nm", "source": "older.csv:9"}, {"output": "3 Nm", "source": "later.csv:1"}],
    ],
    ids=["what the context says", "what a record says", "whichever comes first", "what was added later"],
)
def test_of_contradictory_answers_the_doubtful_one_is_dropped(rows: list[dict], plan: TrainingPlan) -> None:
    found = reasons("near_duplicates", [{**ASKED, **row} for row in rows], plan)
    assert [row["output"] for row, reason in zip(rows, found, strict=True) if reason is None] == ["3 Nm"]
    assert [reason.partition(":")[0] for reason in found if reason] == ["contradictory answers"]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("Torque it to 35 lbs. Check the pad.", "Check the pad. Torque it to 35 pounds."),
        ("The customer owes $1,200.", "the cusotmer owes $1200"),
        ("Replace the filter every 5,000 miles.", "Change the filter every 5000 mi."),
        (
            "It is covered for 36 months.",
            "Yes. The maker's warranty says that 36 months are covered, from the first sale.",
        ),
    ],
    ids=["order and units", "spelling and numbers", "synonyms", "other words"],
)
def test_answers_that_differ_in_words_are_no_contradiction(first: str, other: str, plan: TrainingPlan) -> None:
    rows = [{**ASKED, "output": first}, {**ASKED, "output": other}]
    found = kinds("near_duplicates", rows, plan)
    assert sorted(map(str, found)) == ["None", "near-duplicate"], "one of them is kept"


def test_the_better_row_of_a_group_is_kept(plan: TrainingPlan) -> None:
    complete = {**ASKED, "output": "Tighten the bolt to 3 Nm, and check it after a week."}
    rows = [
        {**ASKED, "output": "tigthen teh bolt to 3 Nm and chekc it after a week"},
        complete,
        {**ASKED, "output": "Tighten the bolt to 3 Nm and"},
    ]
    assert [reason is None for reason in reasons("near_duplicates", rows, plan)] == [False, True, False]


def test_every_step_that_a_plan_may_name_has_a_place() -> None:
    assert set(make_plan("service_advisor").refine.steps) <= set(STEPS)
