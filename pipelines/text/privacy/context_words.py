"""Score a match by the words around it; Presidio itself would need a language model for context words."""

import re

CUE_SCORE, DENIAL_SCORE = 0.3, -0.4  # added to a match's score
DENIAL_CHARS = 20  # between a word that denies a number and the number
CHARS_BEFORE, CHARS_AFTER = 48, 24  # characters around a match that are searched for context words

# The nearest of these before a match, else after it, says what the match is; `other` says that it is not personal.
CUES = {
    "ssn": r"\bssn\b|\bss\b(?: ?card| ?#| no)?|soc(?:ial)?\b(?:[ .]*sec(?:urity)?\b)?|itin|tax(?:payer)? id",
    "card": r"(?:credit|debit|gift)? ?card\b|visa|master ?card|amex|american express|discover|\bcc\b|\bmc\b",
    "phone": r"(?:tele)?phone|tel\b|cell|mobile|\bcall(?!er|ed for)|\bte?xt(?:ed|s|ing)?\b|\bmsg\b"
    r"|fax|reach|contact|\bring\b|dial"
    r"|sms|whats ?app|\bph\b|voice ?mail|voice|home|work|office|\bleave a m|\bmob\b|\burgent|emergenc|after hours"
    r"|\bext\b|extension|get (?:a )?hold|buzz\b|hit me|ping me"
    # Who is there, or is to be tried, right before the number: "he's at 612 ...", "try husband 651 ..."
    r"|(?:he|she|they|we|i)(?:['\u2019]?(?:s|m|re)| is| am| are) (?:at|on)(?=[ :]+\Z)"
    r"|(?<!\w )number(?:['\u2019]s| is)|(?:get (?:me|him|her|us|them|my \w+)|try)(?: (?:me|him|her|us|them))?(?:"
    r" (?:at|on))?(?=[ :]+\Z)"
    r"|(?:husband|wife|spouse|mom|mum|dad|mother|father|son|daughter|sister|brother)(?=[ :]+\Z)"
    r"|rückfragen|rückruf|rueckruf|nummer\b|hmu\b|telefon|handy(?:nummer|nr)?\b|erreichbar|tél\b"
    r"|ruf(?:t|en)? (?:mich|uns|ihn|sie|an)\b|anruf|zurückruf|mobil(?:nummer|nr|tel)"
    r"|mobiel|bereikbaar|bel(?:len)? (?:me|mij|ons)"
    r"|appel(?:ez|er|le)|rappel|num[eé]ro|joindre|joignable|portable|llam|celular|móvil|n[uú]mero|tel[eé]fono|marcar"
    r"|chiam|cellulare|ligue|ligar|telemóvel|zadzwo|oddzwo|numer\b|komórk"
    r"|\b(?:(?:my|his|her|their|your|best|good|new|old|same|other) (?:number|no\b|line|#)"
    r"|\w+['\u2019]s (?:number|no\b|#))",
    "account": r"account|acct|\ba/c\b|routing(?= (?:number|no\b|num|#)|[:# ,(]*\Z|,? and)|\baba\b|\brtn\b"
    r"|(?:checking|savings)(?= ?(?:account|acct|no\b|is\b|#|:|,|\)|\Z))|direct deposit"
    r"|policy(?= ?(?:#|no\.?|num(?:ber)?|:)? ?(?:[a-z]{0,4}-?\d|\Z))|\bach\b|voided check|\biban\b",
    "vin": r"\bvin\b|vehicle id|chassis|frame no",
    "other": r"\bpart\b|part ?s? ?(?:no|num|#)|\bp/?n\b|\border|invoice|\bro\b|\br\.?o\.? ?(?:#|no|num)|\bpo\b|stock"
    r"|\bsku\b|ticket|\bcase\b|claim|tracking|confirmation|serial|odometer|mileage|(?<!area )\bcode|casting|\btsb\b"
    r"|bulletin"
    r"|\bquote\b|\bdeal\b|estimate|batch|\bref\b|reference|keycode|\bupc\b"
    r"|imei|iccid|\bsim\b|\bean\b|gtin|barcode|\besn\b|\bmeid\b|model n|item n|catalog"
    r"|policy|core\b|\bwo\b|transaction|auth(?:orization)?\b|lot ?(?:no\b|num|#|\d)",
    "letter": r"(?:article|message-?id:?|references:?|in-reply-to:?|\bin)\s*<\Z",  # a message id, not an e-mail
}
DENIALS = dict.fromkeys(("ssn", "card", "phone", "account", "vin"), ("other",)) | {"email": ("letter",)}
OTHER_SENTENCE = re.compile(r"\n|[?!] |\. [A-Z]")
PERSON_BETWEEN = re.compile(r"[ :][A-Z][a-z'\u2019-]+ [A-Z][a-z'\u2019-]+[ ,:(]+$")  # ref Jo Hale 302 555 0144
NEAR = re.compile(  # each begins at the beginning of a word
    r"<[A-Z_]+>|\b(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in CUES.items()) + ")", re.I
)


def context_score(kind: str, text: str, start: int, end: int) -> float:
    """What the words around text[start:end] add to its score as this kind: CUE_SCORE, DENIAL_SCORE or 0."""
    if kind not in CUES and kind not in DENIALS:
        return 0.0
    if kind == "email" and text[start - 1 : start] != "<":  # a message id stands in brackets
        return 0.0
    nearest = None
    for match in NEAR.finditer(text, max(0, start - CHARS_BEFORE), start):
        denies = match.lastgroup in ("other", "letter")
        if match.lastgroup and not (
            denies
            and (
                start - match.end() > DENIAL_CHARS
                or OTHER_SENTENCE.search(text, match.end(), start)
                or (kind == "phone" and PERSON_BETWEEN.search(text, match.end(), start))
            )
        ):
            nearest = (
                match.lastgroup
            )  # no mask; and no word far away or on an earlier line, which denies something else
    if nearest is None and (after := NEAR.search(text, end, end + CHARS_AFTER)) and after.lastgroup == kind:
        nearest = kind
    return CUE_SCORE if nearest == kind else DENIAL_SCORE if nearest in DENIALS.get(kind, ()) else 0.0
