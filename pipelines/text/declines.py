"""Recognise an answer that declines: it says that it does not know, or that the request is not its work."""

import re

RECORD = (
    r"(?:records?|data(?:base)?|guide|list|file|sheet|entry|entries|system|documents?|manual|information|table|notes?)"
)
NOT = r"(?:not|isn't|aren't|wasn't|weren't)"
ANSWER = (
    r"(?:answer|help|assist|say|tell|find|determine|provide|share|give|disclose|do|see|look|confirm|know|discuss|follow|"
    r"comply|identify|verify)(?:ed|d)?"
)
STATED = r"(?:listed|given|recorded|stated|mentioned|shown|specified|provided|documented|known|on (?:file|record))"
DECLINES = (
    r"sorry\b",
    r"as an ai\b",
    r"is unknown\b",
    rf"(?:cannot|can not|can't|could not|couldn't|unable to|not able to) (?:be )?{ANSWER}\b",
    r"only (?:here to )?(?:help|assist|answer)\b",
    rf"{NOT} (?:in|on|part of) (?:the|this|that|these|my|our|your|its|any) (?:\w+ ){{0,2}}{RECORD}\b",
    rf"{NOT} {STATED}\b",
    rf"(?:{RECORD}|that|this) (?:is|are) not available\b",
    rf"{NOT} available in (?:the|this|my|our) ",
    rf"(?:no|without an?) (?:such |matching |other )?{RECORD}\b",
    r"no match\b",
    rf"{RECORD} (?:do|does)(?: not|n't) \w+",
    r"(?:do|does)(?: not|n't) (?:know|say|list|mention|state|specify|contain)\b",
    r"(?:i|we) (?:(?:do not|don't) have|have no)\b",
)
DECLINE = re.compile(rf"\b(?:{'|'.join(DECLINES)})", re.IGNORECASE)


def is_decline(answer: str, decline_sentence: str = "") -> bool:
    """Whether an answer declines, in whatever English words, or in the template's own sentence.

    A statement about the vehicle is none: "It does not have a turbocharger", "not in stock", "It cannot be driven".

    Args:
        decline_sentence: the template's answer where no record has what the question is about.
    """
    text = " ".join(answer.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    own_words = " ".join(decline_sentence.split()).rstrip(".").casefold()
    return bool(DECLINE.search(text)) or bool(own_words and own_words in text.casefold())
