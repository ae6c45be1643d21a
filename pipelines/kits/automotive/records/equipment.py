"""What a model-year is fitted with, as vPIC tells it of all its VINs: standard, optional, or not available."""

from pipelines.kits.automotive.records import vpic
from pipelines.kits.automotive.records.lookup import Field, Vehicle

SAFETY = {  # vPIC's element → what it is called at the counter
    "Forward Collision Warning (FCW)": "forward collision warning",
    "Crash Imminent Braking (CIB)": "crash imminent braking",
    "Pedestrian Automatic Emergency Braking (PAEB)": "pedestrian emergency braking",
    "Rear Cross Traffic Alert": "rear cross traffic alert",
    "Blind Spot Warning (BSW)": "blind spot warning",
    "Lane Departure Warning (LDW)": "lane departure warning",
}
TECHNOLOGY = {
    "Adaptive Cruise Control (ACC)": "adaptive cruise control",
    "Lane Keeping Assistance (LKA)": "lane keeping assistance",
    "Parking Assist": "parking assist",
    "Keyless Ignition": "keyless ignition",
    "Semiautomatic Headlamp Beam Switching": "automatic high beam",
    "Lane Centering Assistance": "lane centering assistance",
}
FITTED = {"Standard": "standard", "Optional": "optional", "Not Available": "not available"}
QUESTIONS = (
    "Is {} standard?",
    "Does it come with {}?",
    "What does the record say about {}?",
    "Can I get {} on this one?",
    "Do I pay extra for {}?",
    "Tell me whether {} is included.",
    "How is {} offered on this vehicle?",
    "A buyer insists on {}. What can I promise?",
    "Standard, optional or missing: which is {}?",
    "Please look up {} for me.",
)
FIELDS = {
    name: Field(topic, f"{name} {{}}", f"Its {name} is {{}}.", tuple(question.format(name) for question in QUESTIONS))
    for topic, names in (("safety", SAFETY), ("technology", TECHNOLOGY))
    for name in names.values()
}


def vehicles() -> list[Vehicle]:
    """A record a model-year, with the columns of FIELDS that its sampled VINs agree on.

    Most have everything as standard, and are left out: they would teach to answer so without looking.
    """
    elements = SAFETY | TECHNOLOGY
    records = []
    for (make, model, year), decoded in sorted(vpic.samples().items()):
        values = {elements[element]: FITTED[value] for element, value in vpic.agreed(decoded, elements).items()}
        if len(values) > 2 and len(set(values.values())) > 1 and not vpic.ODD.search(model):
            records.append(vpic.named(make, model, year, decoded, values))
    return records
