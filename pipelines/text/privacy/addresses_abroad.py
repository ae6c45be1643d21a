"""Find postal addresses as they are written outside North America, and by their postal code.

In most of Europe the number follows the street, and a postal code precedes the town; in Britain, Ireland, India and
Canada the code is the last of some parts between commas, the first of which may be the name of a house.
"""

import re

from pipelines.text.privacy.address_ends import find_address_end, find_address_start
from pipelines.text.privacy.address_parts import NOT_STREET_WORDS, UNIT
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.words import MONTHS, SHORT_MONTHS, TITLES, word_set

Span = tuple[int, int]
CAPITAL = r"(?-i:[A-ZÀ-Þ\u0100-\u017f])"
NAME = rf"(?:{CAPITAL}[\w'\u2019-]*\.?)"
TOWN_NAME = (
    rf"(?:{CAPITAL}[\w'\u2019-]{{0,2}}\. ?(?={CAPITAL})|{CAPITAL}[\w'\u2019-]*)"  # St. Gallen; no dot at its end
)
SMALL = (
    r"(?:de|del|della|dei|delle|degli|di|la|las|los|le|les|du|des|da|do|dos|das|van|der|den|dem|von|vom|zur|zum|am|an"
    r"|im|in|auf|hinter|unter|op|'t|y|e|i|og|och|the|of|on|upon)"
)
HOUSE_NUMBER = (
    r"\d{1,4} ?(?:[a-h]\b)?(?: ?(?:bis|ter|quater|hs)\b)?(?:(?: ?[-/] ?\d{1,4}[a-z]?){1,3}| ?/ ?(?:bis|[a-z])\b"
    r"|-[ivx]{1,4}\b)?"
    r"(?![\w.]|-[A-Za-z])"
)
# The type of road is the end of its name (Lindenstraße), the last word (Oude Gracht) or the first (Via dei Mille).
ENDINGS = (
    "straße|strasse|str.|weg|platz|allee|gasse|gracht|straat|laan|plein|kade|damm|ufer|chaussee|steig|gatan|gata|vägen"
    "|veien|vej|gade|katu|tie|utca|singel|dreef|dijk"
)
ENDING = rf"(?:{ENDINGS.replace('.', '[.]')})"
LAST_WORD = (
    r"(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Gracht|Straat|Laan|Plein|Singel|Kade|Markt|katu|kuja"
    r"|tie|gate|gata|vei|utca)"
)
FIRST_WORD = (
    r"(?:Via|Viale|Vicolo|Calle|C/|Avenida|Avda\.?|Av\.?|Rua|Travessa|Praça|Piazza|Piazzale|Corso|Largo|Strada|Rambla"
    r"|Paseo|Plaza|Calzada|Prolongación|Privada|Blvd\.?|Boulevard|Rue|Avenue|Quai|Chemin|Allée|ul\.|ulica|al\.|os\.|pl\."
    r"|ulitsa|Jalan|Jl\.|Pasaje|Glorieta|Cañada|Ronda|Camino|Cuesta|Alameda|Callejón|Urbanización|Andador|Ampliación"
    r"|Circuito|Cerrada|Periférico|Retorno|Vila|Estrada|Rodovia|Praia|Parque|Ladeira|Borgo|Contrada|Località|Frazione"
    r"|rue|avenue|boulevard|chemin|viale|calle|avenida|rua|plac|aleja|aleje|osiedle)"
)
POSTAL_TOWN = (  # , 04109 Leipzig · , 1017 JH Amsterdam · , 00-590 Warszawa · , 411 38 Göteborg · , 4050-265 Porto
    r"(?:,? (?:[A-Z]{1,3}-)?(?:\d{2}(?:-\d{3}|\d{2,3}(?: ?(?-i:[A-Z]{2})\b|-?\d{3})?)|\d{3} \d{2}),? "
    rf"(?:'s-)?{TOWN_NAME}"
    rf"(?:(?: (?:am|an der|im|ob der|bei|sur|de|do|da|di|la|las|los|nad|pod|in|en|sous)(?= {NAME}))?(?: {TOWN_NAME}))"
    r"{0,3}(?: \d{1,2}\b)?(?: \([A-Z]{2}\)| ?[/-] ?[A-Z]{2}\b)?)"
)
LOWER_ENDINGS = "straße|strasse|str\\.|weg|platz|allee|gasse|straat|laan|plein"
MEASURES = word_set("miles mile kilometer kilometern km meilen euro stück teile stunden mal kilometers")
STREET_ENDING = re.compile(r"(?:straße|strasse|str\.|gasse|straat)$")
HOUSE_WORDS = (
    "Cottages?|House|Farm|Farmhouse|Lodge|Villa|Barn|Mill|Forge|Grange|Manor|Rectory|Vicarage|Hall|Croft|Bungalow"
    "|Stables|Schoolhouse|Smithy|Oast|Annexe?|Bakery|Chapel|Cabin"
)
BRITISH_ROADS = (
    "Lane|Road|Street|Close|Avenue|Drive|Hill|Green|Way|Row|Terrace|Crescent|Gardens|Mews|Square|Court|Walk|Place"
)
LOWER_NEEDS = (  # looked at where a digit is: "straße 5", "6, 01998 k"
    r" \d(?:"
    + "|".join(rf"(?<={ending} \d)" for ending in ("straße", "strasse", r"str\.", "gasse", "straat"))
    + r"|\d{0,3}[a-h]?,? \d{4,5} [a-zß-ÿ])"
)
HOUSE_TRIGGERS = word_set(re.sub(r"\W+", " ", HOUSE_WORDS.replace("s?", "").replace("e?", "").lower())) | word_set(
    "cottages annexe t ty plas bryn pen llwyn"
)
NUMBER_LAST = (  # Königsberger Straße 112 · Lindenstraße 17a
    rf"\b(?:(?:{NAME} |{SMALL} ){{0,3}}(?-i:{LAST_WORD})|(?:{NAME} )?{CAPITAL}[\w-]*(?:{ENDING}|-{LAST_WORD}))"
    rf",? {HOUSE_NUMBER}"
)
NUMBER_LAST_NEEDS = (  # a space and a digit, and before them one of these: looked at where a digit is
    r"(?i: \d(?:"
    + "|".join(
        rf"(?<={re.escape(road)} \d)|(?<={re.escape(road)}, \d)"
        for road in (*ENDINGS.split("|"), "ring", "markt", "katu", "kuja", "gate", "gata", "vei")
    )
    + "))"
)
LOWER_NUMBER_LAST = (  # am mühlgraben 6, 01998 klettwitz · lindenstraße 5 · in texts without capitals
    r"(?<![\w-])(?-i:(?P<words>(?:am|an der|zum|zur|auf dem|auf der|in der|unter den|hinter der)"
    r"(?: [a-zß-ÿ-]{3,})? [a-zß-ÿ-]{4,}"
    rf"(?= \d{{1,4}}[a-h]?,? \d{{4,5}} [a-zß-ÿ]{{4,}})|[a-zß-ÿ-]{{3,}}(?:{LOWER_ENDINGS})) \d{{1,4}}[a-h]?\b)"
    r"(?:,? (?P<code>\d{4,5}(?: [a-z]{2}\b)?) (?P<town>[a-zß-ÿ-]{3,}))?"
)
# Rose Cottage, Nether Lane, Upper Tadworthy · The Old Forge, Knockbeg, Co. Laois · Ty Coch, Heol Fawr, Llanfair
NAMED_HOUSE = (
    rf"(?-i:(?:(?:The )?(?:[A-Z][\w'\u2019-]+ ){{1,3}}(?:{HOUSE_WORDS})|The (?:{HOUSE_WORDS})"
    r"|(?:T[yŷ]|Plas|Bryn|Pen|Llwyn) [A-Z][\w-]+), "
    rf"(?:(?:[A-Z][\w'\u2019-]+ ){{1,2}}(?:{BRITISH_ROADS})\b|(?:Heol|Ffordd|Stryd|L[oô]n) [A-Z][\w-]+"
    r"|(?:[A-Z][\w'\u2019-]+ ?){1,2}(?=, Co(?:\.|unty) [A-Z])))"
)
TYPE_FIRST = (  # Via dei Mille 44 · Av. Insurgentes Sur 1457
    rf"\b(?-i:{FIRST_WORD})(?: {SMALL}){{0,2}}(?: \d{{1,2}} de)?(?: {NAME}){{1,4}},? (?:n\.? ?|n[oº]\.? ?|num\. ?"
    rf"|#)?{HOUSE_NUMBER}"
)
# Hinter der Kirche 4a, 21335 Lüneburg · via Garibaldi 8/bis, 10122 Torino: whatever the road is called
WITH_POSTAL_TOWN = (
    rf"\b(?P<words>(?:{NAME} |{SMALL} |via |viale ){{0,3}}(?:{NAME}|gate|vei|utca|út|tér)),? "
    rf"(?P<number>{HOUSE_NUMBER}){POSTAL_TOWN}"
)
# 14 rue des Tanneurs · 27 bis, allée des Platanes · 455, chemin du Lac-Supérieur · 1189 rang st-joseph
FRENCH_ARTICLE = r"(?:de la|de l'|des|du|de|la|le|les|d'|l')"
FRENCH_ROAD = (
    r"(?:rue|chemin|allée|impasse|quai|rang|montée|ruelle|sentier|faubourg|côte|ch\.|boul\.|bd"
    rf"|(?-i:avenue|boulevard)(?= {CAPITAL})"
    rf"|(?:avenue|boulevard|place|route|cours|passage|square)(?= (?:{FRENCH_ARTICLE} ?|ste?-|sainte?\b)))"
)
FRENCH = (
    rf"(?<![\w.,$-])\d{{1,5}}(?:-\d+)?[a-d]?(?: ?(?:bis|ter|quater))?,? {FRENCH_ROAD} (?:{FRENCH_ARTICLE} ?)?"
    rf"(?:{NAME}(?: (?:{SMALL} )?{NAME}){{0,2}}|(?:ste?|sainte?)-[a-z-]+|[a-zà-ÿ'-]{{3,}})"
    r"(?: (?:est|ouest|nord|sud|[NSEO]\b))?"
)
# Carrera 15 # 88-64, of Colombia · Carr. 2 Km 14.3, of Puerto Rico
CROSSED = (
    r"\b(?:Calle|Carrera|Cra\.?|Kra\.?|Cl\.?|Cll\.?|Avenida|Av\.?|Ave\.?|Diagonal|Transversal) \d{1,3} ?[a-z]?"
    r"(?: (?:bis|sur|norte|este|oeste))? ?(?:#|n[oº°]\.?) ?\d{1,3} ?[a-z]?[ -]{1,3}\d{1,3}\b"
    r"|\b(?:Carr\.?|Carretera|PR) ?-?\d{1,3},? (?:int\.? )?km\.? ?\d{1,3}(?:\.\d)?\b"
)
# avenida insurgentes sur 1602 · corso vittorio emanuele 88, torino: in texts without capitals
LOWER_TYPE_FIRST = (
    r"\b(?-i:(?:calle|avenida|avda|calzada|carrera|corso|viale|piazza|largo|strada|rua|rue|travessa|praça|paseo)"
    rf"(?: {SMALL}){{0,2}}(?P<words>(?: [a-zß-ÿ'\u2019]{{3,}}){{1,3}}),? (?:n[oº]?\.? ?)?\d{{1,4}}[a-d]?\b)(?![.%]"
    rf"|[ -]\d)"
)
POST_BOX = (  # Postfach 11 04, 73001 Göppingen
    r"\b(?:Postfach|Postbus|Postboks|Postbox|Apartado(?: postal| de correos)?|Apdo\.?|Casella postale|Caixa postal"
    r"|Bo[iî]te postale|skr(?:ytka)? poczt(?:owa|\.)) (?:n[oº°]\.? ?)?\d[\d ]{0,7}(?<! )"
)
# Parts between commas, the last of which ends in a postal code: of Britain, Canada, Ireland, India.
UK = (
    r"(?:(?:A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]"
    r"|L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE)"
    r"\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})"
)
CODE = (
    rf"\b(?P<code>{UK}|[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d|(?-i:[ACDEFHKNPRTVWXY]\d[0-9W] [A-Z0-9]{{4}})"
    r"|(?:(?<=[a-z][ -])|(?<=[a-z] [-\u2013] ))[1-8]\d{2} ?\d{3}(?=[.,;\n]|$))\b"
)
PARTS = re.compile(  # before a postal code: "The Old Forge, Mill Lane, Great Snoring "
    rf"(?<!\w)(?:(?:(?:(?:The |No\.? )?{NAME}|(?:[A-Z]-)?\d{{1,4}}(?:[/-]\d{{1,4}})?-?[A-Za-z]?|\d{{1,2}}(?:st|nd|rd"
    rf"|th)|(?:H\.? ?)?No\.|{SMALL}|[/-])\.?(?: |(?=,)))"
    r"{1,6},[ \n])*"
    rf"(?:(?:{NAME}|{SMALL}) ){{0,5}}(?:\([A-Z][\w-]+\) )?(?:[-\u2013] )?$"
)
LOWER_PARTS = re.compile(r"(?:(?:[\w'.&/-]+ ){0,4}[\w'.&/-]+,[ \n]){0,4}(?:[\w'-]+ ){1,4}$")
STOPS = re.compile(  # an address in lower case begins after one of these
    r".*(?:[:;?!(\n]|\. |(?<!\w)[-\u2013\u2014] |\b(?:at|to|is|address|from|deliver(?:y|ed)?|lives?|goes|are|mine|was"
    r"|now|it'?s|it|of|near) )",
    re.I | re.S,
)
PART = re.compile(r"(?P<first>[^\s,]+)[^,]*,\s*")
HOUSES = word_set(
    "cottage cottages house farm hall lodge villa court barn mill grange manor mews lane street road close"
)
RANKS = word_set("col colonel maj lt lieutenant sir lady lord")
NUMBERED_PART = re.compile(r",\s+(?=\d|(?:unit|flat|apt|suite|no)\b)", re.I)
INITIAL = re.compile(r"\b[A-Z]\. ")
NOT_PLACES = (NOT_STREET_WORDS | MONTHS | SHORT_MONTHS) - {"in", "on", "the", "of", "an", "am"}
WINDOW = 110  # characters before a postal code
TOWN_AFTER = re.compile(POSTAL_TOWN)
UNIT_AFTER = re.compile(UNIT, re.I)
CAPITALISED = re.compile(r"[A-ZÀ-Þ]")


def keep_abroad(match: re.Match[str]) -> Span:
    """The span of a street with its unit, postal code and town."""
    start, end = match.span()
    town = TOWN_AFTER.match(match.string, end)
    if not town and (unit := UNIT_AFTER.match(match.string, end)):
        end = unit.end()
        town = TOWN_AFTER.match(match.string, end)
    return find_address_start(match.string, start), find_address_end(match.string, town.end() if town else end)


def keep_lower_number_last(match: re.Match[str]) -> Span | None:
    """The span of a street, number, postal code and town in lower case; not of miles or parts."""
    lists, _ = load_model()
    if match["town"] in MEASURES or not (match["code"] or STREET_ENDING.search(match["words"])):
        return None  # 12345 km; rückweg 5
    return None if lists.common.get(match["words"]) else match.span()


def keep_lower_type_first(match: re.Match[str]) -> Span | None:
    """The span of a street of a Romance language in lower case, unless its words are everyday English."""
    lists, _ = load_model()
    common = any(lists.common.get(word, 0) > 2 and word not in lists.foreign for word in match["words"].split())
    return None if common else keep_abroad(match)


def keep_named_house(match: re.Match[str]) -> Span:
    """The span of a house with a name, its road or village, town and county."""
    return match.start(), find_address_end(match.string, match.end())


def keep_number_last(match: re.Match[str]) -> Span | None:
    """The span of a street and the number after it; None of a vehicle: a Renegade 59 is no gade."""
    models = load_model()[0].models
    words = re.findall(r"[a-z]{4,}", match.group().lower())
    return None if any(word in models for word in words) else keep_abroad(match)


def keep_postal_town(match: re.Match[str]) -> Span | None:
    """The span of words, a number, a postal code and a town; None of a vehicle and its year."""
    lists, _ = load_model()
    words = [word.lower() for word in match["words"].split()]
    if re.match(r"(?:19[5-9]|20[0-3])\d\b", match["number"]) or any(
        word in NOT_PLACES or (len(word) > 3 and word in lists.models) for word in words
    ):
        return None
    return match.span()


def skip_people(parts: str) -> int:
    """How many characters of parts between commas are people's names before the address: "Col. A. W. Hale, "."""
    skipped = 0
    while (part := PART.match(parts, skipped)) and "," in parts[part.end() :]:
        first = part["first"].lower().rstrip(".")
        last = part.group().rstrip(", \n").rpartition(" ")[2].lower()
        named = load_model()[0].first.get(first, 0) > 1 and last not in HOUSES
        named = named or first in TITLES | RANKS or INITIAL.search(part.group()) is not None
        if not named or any(map(str.isdigit, part.group())):
            break
        skipped = part.end()
    return skipped


def skip_before_number(parts: str) -> int:
    """How many characters of parts between commas are before a house number or unit, unless they name a house."""
    number = NUMBERED_PART.search(parts)
    houses = not number or any(word in HOUSES for word in re.findall(r"[a-z]+", parts[: number.start()].lower()))
    return 0 if houses or not number else number.end()


def keep_coded(match: re.Match[str]) -> Span | None:
    """The span of a postal code and of the parts between commas before it; None if there are none."""
    text, end = match.string, match.end("code")
    first = max(0, match.start("code") - WINDOW)
    before = text[first : match.start("code")]
    parts = PARTS.search(before)
    start = parts.start() if parts and len(parts.group()) > 1 else len(before)
    if not CAPITALISED.search(before[start:]):
        stop = STOPS.match(before)
        after = stop.end() if stop else 0
        lower = LOWER_PARTS.search(before, after)
        start = lower.start() if lower and ("," in lower.group() or re.match(r"\d", lower.group())) else len(before)
    while start < len(before) and (word := re.match(r"(?:at|in|on|is|to|of|from) ", before[start:], re.I)):
        start += word.end()
    start += skip_people(before[start:]) or skip_before_number(before[start:])
    piece = before[start:]
    if "," not in piece and not re.match(r"\d", piece):
        return None
    return find_address_start(text, first + start), end
