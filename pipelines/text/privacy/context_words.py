"""Score a match by the words around it; Presidio itself would need a language model for context words."""

import re

CUE_SCORE, DENIAL_SCORE = 0.3, -0.4  # added to a match's score
DENIAL_CHARS = 16  # between a word that denies a telephone number and the number
CHARS_BEFORE, CHARS_AFTER = 48, 24  # characters around a match that are searched for context words

# The nearest of these before a match, else after it, says what the match is; `other` says that it is not personal.
CUES = {
    "ssn": r"\bssn\b|\bss\b(?: ?card| ?#| no)?|soc(?:ial)?\b(?:[ .]*sec(?:urity)?\b)?|itin|tax(?:payer)? id",
    "card": r"(?:credit|debit|gift)? ?card\b|visa|master ?card|amex|american express|discover|\bcc\b|\bmc\b",
    "phone": r"(?:tele)?phone|tel\b|cell|mobile|\bcall|\btext(?:ed|s)?\b|fax|reach|contact|\bring\b|dial|sms"
    r"|whats ?app|\bph\b|voice ?mail|voice|home|work|office|\bmy number",
    "account": r"account|acct|\ba/c\b|routing(?= (?:number|no\b|num|#)|[:# ,(]*\Z|,? and)|\baba\b|\brtn\b"
    r"|(?:checking|savings)(?= ?(?:account|acct|no\b|#|:|,|\Z))|direct deposit|\bach\b|voided check|\biban\b",
    "vin": r"\bvin\b|vehicle id|chassis|frame no",
    "other": r"\bpart\b|part ?s? ?(?:no|num|#)|\bp/?n\b|\border|invoice|\bro\b|\br\.?o\.? ?(?:#|no|num)|\bpo\b|stock"
    r"|\bsku\b|ticket|\bcase\b|claim|tracking|confirmation|serial|odometer|mileage|\bcode|casting|\btsb\b|bulletin"
    r"|\bquote\b|\bdeal\b|estimate|batch|\bref\b|reference|keycode|\bupc\b"
    r"|imei|iccid|\bsim\b|\bean\b|gtin|barcode|\besn\b|\bmeid\b|model n|item n|catalog"
    r"|policy|core\b|\bwo\b|transaction|auth(?:orization)?\b",
    "letter": r"(?:article|message-?id:?|references:?|in-reply-to:?|\bin)\s*<\Z",  # a message id, not an e-mail
}
DENIALS = dict.fromkeys(("ssn", "card", "phone", "account", "vin"), ("other",)) | {"email": ("letter",)}
NEAR = re.compile(  # each begins at the beginning of a word
    r"<[A-Z_]+>|\b(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in CUES.items()) + ")", re.I
)


def context_score(kind: str, text: str, start: int, end: int) -> float:
    """What the words around text[start:end] add to its score as this kind: CUE_SCORE, DENIAL_SCORE or 0."""
    if kind not in CUES and kind not in DENIALS:
        return 0.0
    before = [
        match for match in NEAR.finditer(text, max(0, start - CHARS_BEFORE), start) if match.lastgroup
    ]  # without masks
    nearest = before[-1].lastgroup if before else None
    if nearest in ("other", "letter") and "\n" in text[before[-1].end() : start]:
        nearest = None  # an earlier line denies something else
    if kind == "phone" and nearest == "other" and start - before[-1].end() > DENIAL_CHARS:
        nearest = None  # a telephone number has a form of its own, and is found unless the text says at once what it is
    if nearest is None and (after := NEAR.search(text, end, end + CHARS_AFTER)) and after.lastgroup == kind:
        nearest = kind
    return CUE_SCORE if nearest == kind else DENIAL_SCORE if nearest in DENIALS.get(kind, ()) else 0.0
