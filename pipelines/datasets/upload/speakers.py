"""Who of the people in a chat answers for the dealership: as the user says, by name; a guess is asked about.

A chat names its speakers, and not their sides. `--map "Sunrise Motors=output"` says who answers, as it does of columns.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.role_guess import QUESTION, show_examples
from pipelines.datasets.upload.transcripts import ROLES
from pipelines.readers.column_names import normalise_name
from pipelines.readers.source import Speaker

SIDES = {"output": "assistant", "instruction": "user", "": "system"}  # as fields are called; system: left out
SHOWN_SPEAKERS = 6  # in a message
DESCRIBED_SPEAKERS = 12  # in the preview
GUESSED = "guessed"
# Words in the name of a business or a department, as it stands in a phone's contacts.
BUSINESS = re.compile(
    r"\b(?:motors?|autos?|automotive|autohaus|automobiles?|automotores|cars|dealer(?:ship)?s?|garage|workshop|werkstatt"
    r"|taller|service|servicio|sales|ventas|verkauf|parts|support|team|reception|advisors?|customer care|llc|inc|gmbh"
    r"|ltd)\b",
    re.IGNORECASE,
)
PHONE = re.compile(r"\+?[\d\s().-]{7,}")


class SpeakerChoice(NamedTuple):
    """What the user says about the speakers of a chat."""

    fields: dict[str, str] = {}  # speaker → output (answers), instruction (asks) or empty (is left out)
    guess: bool = False  # guess the others, for a person to confirm


class Sample(NamedTuple):
    """What the speakers of a chat wrote."""

    texts: dict[str, list[str]]  # speaker → messages
    conversations: dict[str, set[str]]  # speaker → conversations that it takes part in

    @property
    def total(self) -> int:
        """How many conversations there are."""
        return len(set().union(*self.conversations.values()))


def assign_sides(name: str, sample: Sample, choice: SpeakerChoice) -> tuple[Speaker, ...]:
    """The side of each speaker, who wrote most first.

    Args:
        name: of the file, which may be that of the customer: `WhatsApp Chat with Ana Lopez.txt`.

    Raises:
        WeaverError: there is one speaker only, or nothing says who answers; lists the speakers, and what to type.
    """
    speakers = sorted(sample.texts, key=lambda speaker: -len(sample.texts[speaker]))
    if len(speakers) < 2:
        raise WeaverError(
            f"{name}: only '{speakers[0]}' writes in it" if speakers else f"{name} has no message of a person",
            "A row needs a question and its answer: export a chat in which a customer and the dealership write.",
        )
    chosen = {speaker: field for speaker, field in choice.fields.items() if speaker in sample.texts}
    if wrong := next((speaker for speaker, field in chosen.items() if field not in SIDES), None):
        raise WeaverError(
            f"--map {wrong}={chosen[wrong]}: '{wrong}' is a speaker of {name}, and not a column",
            "Write =output if it answers for the dealership, =instruction if it asks, = to leave it out.",
        )
    sides = {field for field in chosen.values() if field}
    how = "set by --map"
    if not sides:
        staff, how = guess_staff(name, speakers, sample, {*chosen})
        if not staff or (how.startswith(GUESSED) and not choice.guess):
            raise unclear_speakers(name, speakers, sample, staff)
        sides, chosen = {"output"}, dict.fromkeys(staff, "output") | chosen
    others = "" if len(sides) > 1 else "instruction" if "output" in sides else "output"
    return tuple(
        Speaker(speaker, chosen.get(speaker, others), how, show_examples(sample.texts[speaker])) for speaker in speakers
    )


def guess_staff(name: str, speakers: list[str], sample: Sample, left_out: set[str]) -> tuple[list[str], str]:
    """The speakers that seem to answer for the dealership, and why; empty if nothing says so."""
    speakers = [speaker for speaker in speakers if speaker not in left_out]
    roles = {speaker: ROLES.get(normalise_name(speaker), "") for speaker in speakers}
    if staff := [speaker for speaker in speakers if roles[speaker] == "assistant"]:
        return staff, "its name is a role"
    if customers := [speaker for speaker in speakers if roles[speaker] == "user"]:
        return [speaker for speaker in speakers if speaker not in customers], "the name of the other is a role"
    guesses = (
        ([s for s in speakers if BUSINESS.search(s)], "by the name of the speaker"),
        ([s for s in speakers if s.lower() not in name.lower()], "by the file's name, which is the customer's"),
        (most_regular(speakers, sample), "takes part in most conversations"),
        ([s for s in speakers if not PHONE.fullmatch(s)], "the other has a number and no name"),
        (fewest_questions(speakers, sample), "asks fewer questions"),
    )
    for staff, reason in guesses:
        if staff and len(staff) < len(speakers):
            return staff, f"{GUESSED}: {reason}"
    return [], ""


def most_regular(speakers: list[str], sample: Sample) -> list[str]:
    """Who takes part in most of several conversations, as the mail addresses of one domain do; else none."""
    for key in (mail_domain, str):
        counts = Counter(group for _, group in {(c, key(s)) for s in speakers for c in sample.conversations[s]})
        (group, most), *others = counts.most_common(2)
        if most > max(1, sample.total / 2, *(count for _, count in others)):
            return [speaker for speaker in speakers if key(speaker) == group]
    return []


def mail_domain(speaker: str) -> str:
    """The domain of a mail address; another name as it is."""
    return speaker.rpartition("@")[2]


def fewest_questions(speakers: list[str], sample: Sample) -> list[str]:
    """Of two speakers the one who clearly asks less; else none."""
    shares = {
        s: sum(bool(QUESTION.fullmatch(t.strip())) for t in sample.texts[s]) / len(sample.texts[s]) for s in speakers
    }
    least, most = min(speakers, key=shares.__getitem__), max(speakers, key=shares.__getitem__)
    return [least] if len(speakers) == 2 and shares[most] - shares[least] > 0.2 else []


def unclear_speakers(name: str, speakers: list[str], sample: Sample, staff: Iterable[str]) -> WeaverError:
    """The error that lists the speakers with what they wrote, and what to type."""
    shown = [f"'{s}' ({show_examples(sample.texts[s][:1])})" for s in speakers[:SHOWN_SPEAKERS]]
    more = f" and {len(speakers) - SHOWN_SPEAKERS} more" if len(speakers) > SHOWN_SPEAKERS else ""
    options = " ".join(map(map_option, [*staff][:SHOWN_SPEAKERS])) or "--map NAME=output, with the name of the speaker"
    return WeaverError(
        f"{name} does not say who answers for the dealership; it has {', '.join(shown)}{more}", f"Say who: {options}"
    )


def map_option(speaker: str) -> str:
    """The option that says that a speaker answers."""
    return f"--map {shlex.quote(f'{speaker}=output')}"


def confirm_options(speakers: Iterable[Speaker]) -> list[str]:
    """The options that confirm who was guessed to answer."""
    return [map_option(s.name) for s in speakers if s.field == "output" and s.how.startswith(GUESSED)]


def describe_speakers(speakers: tuple[Speaker, ...]) -> list[dict[str, str]]:
    """For each speaker its side, as a column's field is described; of a large mailbox those who write most."""
    return [
        {"column": s.name, "field": s.field, "how": s.how, "role": "speaker", "examples": s.examples}
        for s in speakers[:DESCRIBED_SPEAKERS]
    ]
