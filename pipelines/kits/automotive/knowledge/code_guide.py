"""All trouble codes: 198 with the guidance of elm327obd, the others with their name alone (python-OBD)."""

from collections.abc import Iterator
from importlib.metadata import version

from pipelines.kits.automotive.records import obd, trouble_codes
from pipelines.text.passages import Passage, code_key, is_safety_critical

STOP = "stop"  # the severity of what must not be driven


def passages() -> Iterator[Passage]:
    """One passage a code."""
    guides, names = trouble_codes.guide(), obd.all_code_names()
    for code in sorted(set(guides) | set(names)):
        guide, name = guides.get(code), names.get(code, "")
        record = [f"{code}: {name}" if guide and name else code]
        if not guide:
            record.append(f"Meaning: {name}")
        if guide:
            record += [
                f"Meaning: {guide['summary']}",
                f"Severity: {guide['severity']}. {guide['advice']}.",
                f"Most likely cause: {guide['cause']}.",
                f"Recommended check: {guide['check']}.",
            ]
        yield Passage(
            id=f"code_guide:{code}",
            text=" | ".join(record),
            title=f"Trouble code {code}",
            source=trouble_codes.SOURCE if guide else obd.SOURCE,
            keys=(code_key(code),),
            safety_critical=guide is not None and (guide["severity"] == STOP or is_safety_critical(guide["summary"])),
        )


def questions() -> Iterator[tuple[str, list[str]]]:
    """The names of the guided codes as a scanner shows them (python-OBD's), each with all codes that have that name."""
    guides, names = trouble_codes.guide(), obd.all_code_names()
    for name in dict.fromkeys(names[code] for code in guides if code in names):
        yield name, [f"code_guide:{code}" for code in names if names[code] == name]


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("elm327obd", "obd")}
