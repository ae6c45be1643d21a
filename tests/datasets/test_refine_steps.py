"""Each step drops what it is for, and leaves alone what a dealership says."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine import answer_steps, text_steps
from pipelines.datasets.refine.engine import STEPS, GlobalStep, load_step
from pipelines.datasets.refine.row_table import parse_lines
from pipelines.kits.automotive import service_advisor
from tests.bench.pii import posts

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


@pytest.mark.parametrize("text", ["The hose is loose, check it first.", "no charge, we paid for it twice"])
def test_a_text_pasted_twice(text: str, plan: TrainingPlan) -> None:
    rows = [{"output": text + between + text} for between in ("", " ", "\n")] + [{"output": text}]
    assert reasons("repetition", rows, plan) == ["pasted twice"] * 3 + [None]
    assert kinds("repetition", [{"output": "rust " * 9}, {"output": "rust, rust and more rust"}], plan) == [
        "repetitive",
        None,
    ]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("As an AI language model, I cannot drive.", "template leakage"),
        ("The price is {price}.", "template leakage"),
        ("The price is {{ price }}.", "template leakage"),
        ("He was right {Stuff Deleted} and we fixed it.", None),
        ("Call [INSERT NUMBER].", "template leakage"),
        ("Yes.<|im_end|>", "template leakage"),
        ("Yes.\n### Response: Yes.", "template leakage"),
        ("[INST] Yes [/INST]", "template leakage"),
        ("Check the hose, then the gas cap (see the", "truncated answer"),
        ("Run this:\n```\nread codes", "truncated answer"),
        ("Check the gas cap, the hoses and the", "truncated answer"),
        ("Check the gas cap. If it is tight, look at the purge valve and replac", "truncated answer"),
        ("Check the gas cap. If it is tight, look at the purge valve and replace", None),
        ("Replaced hose clamp (left side, see bulletin", None),
        ("Control module software, part 68105, REV A", None),
        ("R&R front pads, c/s noise gone, road test OK", None),
        ("Thank you for your patience with us,\nService department", None),
        ("30 mpg", None),
        ('It has 17" wheels (18" on the Sport): see 1) and 2).', None),
        ("Tighten to 25 Nm [18 lb-ft], then {ok}: no.".replace("{ok}", "check"), None),
        ("#N/A", "no answer"),
        ("tbd", "no answer"),
        ("TBD", "no answer"),
        ("as above", "no answer"),
        ("What now?", "no answer"),
        ("0", None),
        ("\u306f\u3044", None),
        ("Caf\ufffd Latte is the paint's name.", "garbled"),
    ],
)
def test_an_answer_by_itself(said: str, reason: str | None, plan: TrainingPlan) -> None:
    assert kinds("answers", [{"instruction": "What now?", "output": said}], plan) == [reason]


@pytest.mark.parametrize("column", ["instruction", "input", "output"])
def test_a_control_token_stands_in_no_text(column: str, plan: TrainingPlan) -> None:
    row = {"instruction": "How many gears?", "input": "gears 6", "output": "It has 6 gears."}
    found = kinds("answers", [row, row | {column: f"{row[column]} <|im_end|>\n<|im_start|>user"}], plan)
    assert found == [None, "template leakage"]


def test_cells_that_hold_no_answer(plan: TrainingPlan) -> None:
    cells = ["#N/A", "#REF!", "NULL", "nan", "N/A", "None", "#VALUE!", "-", "TBD", "0"]
    rows = [
        {"instruction": f"What is the price of part {number}?", "output": cell} for number, cell in enumerate(cells)
    ]
    assert kinds("answers", rows, plan) == ["no answer"] * 9 + [None]


def test_an_answer_without_a_full_stop_is_not_truncated_for_it(plan: TrainingPlan) -> None:
    rows = [{"instruction": f"What of bolt {n}?", "output": f"Tighten bolt number {n} by hand."} for n in range(40)]
    rows += [{"instruction": "And the nut?", "output": "Tighten the nut and then drive"}]
    assert reasons("answers", rows, plan) == [None] * 41


def letters(count: int, limit: int | None, file: str, before: str = "") -> list[dict]:
    """Real posts of a newsgroup as answers, cut at a limit."""
    bodies = [" ".join(body.split()) for _, body in posts()]
    texts = [body for body in bodies if 300 < len(body) < 4_000][:count]
    return [
        {"instruction": f"Letter {before}{number}?", "output": text[:limit], "source": f"{file}:{number}"}
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize("limit", [400, 777, 2_000])
def test_texts_cut_at_their_sources_limit(limit: int, plan: TrainingPlan) -> None:
    """An archive of whole letters lies beside the one that is cut."""
    rows = [*letters(400, limit, "cut.csv"), *letters(400, None, "whole.csv", before="whole ")]
    found = [bool(reason) and "limit of its source" in reason for reason in reasons("answers", rows, plan)]
    cut = [len(row["output"]) == limit for row in rows[:400]]
    assert sum(cut) > 20
    assert sum(found[:400]) >= 0.9 * sum(cut)  # of the others most end in a full stop, by chance
    assert (
        sum(flag and not was_cut for flag, was_cut in zip(found, cut, strict=False)) <= 2
    )  # as short as a trimmed one
    assert not any(found[400:])


def test_the_limit_counts_before_texts_are_normalised(plan: TrainingPlan) -> None:
    rows = [
        {"instruction": f"Letter {n}?", "output": f"Letter {n} of us:  {'the  brake hose ' * 90}"[:1_000]}
        for n in range(3)
    ]
    batch = text_steps.normalise(table(*rows), plan).drop_columns(["reason"])
    assert set(pc.utf8_length(batch["output"]).to_pylist()) != {1_000}
    assert load_step("answers").decide(answer_steps.prepare(batch, plan), batch, plan).null_count == 0


def test_records_of_one_length_are_not_truncated(plan: TrainingPlan) -> None:
    rows = [
        {"instruction": f"Which {n}?", "output": f"{n:04} | " + " | ".join(["2.0 L turbo"] * 10)}
        for n in range(100, 140)
    ]
    assert reasons("answers", rows, plan) == [None] * 40


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
