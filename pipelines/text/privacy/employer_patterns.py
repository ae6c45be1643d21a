"""The patterns of employers: the words that say that somebody works there, and what the name of a firm looks like."""

import re

from pipelines.text.privacy.address_parts import PROPER
from pipelines.text.privacy.name_model import load_model
from pipelines.text.privacy.pattern import STRONG, Kind, Pattern, Span, anything
from pipelines.text.privacy.pattern_parts import CAPITALS, MONEY, PERIOD
from pipelines.text.privacy.words import MONTHS, word_set

PERSON = (
    r"(?:i|i've|i'm|im|ive|he|he's|hes|she|she's|shes|who|we|they|applicant|co-?(?:buyer|applicant|signer)|customer|buyer"
    r"|guest|husband|wife|spouse|mother|father|mom|dad|son|daughter|brother|sister|boyfriend|girlfriend|fiancee?|cust)"
)
JOB_WORDS = (
    "nurse rn lpn teacher professor driver welder electrician plumber mechanic machinist operator cook chef"
    " server waitress waiter bartender cashier clerk manager supervisor foreman engineer accountant bookkeeper"
    " paralegal lawyer attorney secretary receptionist janitor custodian guard officer deputy analyst developer"
    " programmer lead associate technician assistant aide therapist hygienist pharmacist physician surgeon doctor"
    " barista stocker picker loader forklift warehouse assembler roofer carpenter painter librarian principal"
    " coach dispatcher pilot steward tech"
    " teller deputy trooper firefighter paramedic emt housekeeper landscaper security construction maintenance payroll"
    " custodial caregiver hr hostess host intern adjuster pipefitter ironworker"
)
JOB = rf"(?:{'|'.join(JOB_WORDS.split())})"
# A firm in lower case ends before one of these words, and does not begin with one of the others.
STOP = (
    r"(?:for|since|and|in|on|as|the|who|but|so|from|with|at|to|is|was|are|by|near|over|until|nights?|days|full|part|now"
    r"|because|where|when|that|which|if|or|then|about|making|earning|makes|earns|paid|pays|i|he|she|they|we|my|his|her"
    r"|their|has|have|had|needs|wants|says|said|can|do|does|did|would|will|six|five|ten|two|three|four|years?|yrs?|months?"
    r"|please|social|ssn|dob|income|also|out|up|down)"
)
NOT_FIRST = (
    r"(?:home|a|an|all|any|me|him|her|them|us|it|this|that|these|those|least|first|last|times?|night|once|idle|most|both|my"
    r"|his|our|your|their|its|every|each|some|one|low|high|highway|speed|speeds|full|half|random|present|another|other"
    r"|different|same|being|doing|making|getting|keeping|holding|minimum|free|cash|hand|\d\w*|work|will|no|you|fault|issue|large|noon|lunch|ease)"
)
LOWER_FIRM = rf"(?-i:(?!{NOT_FIRST}\b|{STOP}\b)[a-z][\w'\u2019.-]*(?: (?!{STOP}\b)(?:&|[a-z][\w'\u2019&-]*)){{0,3}})"
SEVERAL_CAPITALS = r"(?-i:[A-Z][\w&'.-]*(?: [A-Z&][\w&'.-]*)+)"
PUBLIC_BODY = r"(?:the )?(?:City|County|State|Town|University|Port) of (?-i:[A-Z])[\w-]+(?: (?-i:[A-Z])[\w-]+)?"
PARTNERS = r"(?-i:[A-Z][\w'-]+(?:, [A-Z][\w'-]+)+,? (?:and|&) [A-Z][\w'-]+)"  # Hall, Eaton and Clark
PLACES_OF_WORK = (
    "plant|mill|schools?|factory|warehouse|hospital|mine|refinery|foundry|shipyard|airport|casino|prison|church|county"
    "|post office|school district|distribution center|nursing home|city|state|railroad|university|college"
)
AT_CAPITALS = rf"(?P<value>{PARTNERS}|{CAPITALS}(?: (?:{PLACES_OF_WORK})\b)?)"
AT_LOWER = rf"(?P<value>{LOWER_FIRM})"
AT_FIRM = rf"(?P<value>{PARTNERS}|{CAPITALS}(?: (?:{PLACES_OF_WORK})\b)?|{LOWER_FIRM})"
DURATION = (
    r"(?:\d{1,2}|a|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty) ?\+? "
    r"(?:yrs?|years?|months?|mos?)\b"
)
SHIFT = r"(?: nights| days| weekends| (?:second|third) shift| (?:full|part)[- ]time| there)?"
AT = r"(?:at|@|for|with|w/)"
WORKS = rf"\b{PERSON}(?: have| has| been| am| is| also| currently| still| used to| just)* work(?:s|ed|ing)?{SHIFT}"
LABEL = r"\bemployer(?:'s)?(?: name)?"
EARNING = "earn earns earning gross grosses grossing make makes making"
WORKING = "work works worked working"
PAYSTUB = r"(?:stubs?|voe|1099s?|paystubs?|pay stubs?|w-?2s?|paychecks?|check stubs?)"
CALLING = r"(?:with|from|at|over at|calling from)"
OTHER_WORK = "drives drive driving teach teaches teaching flies cook cooks bartend bartends retired currently"

# In a text about a job or an income the name of a firm that lends nothing is an employer's.
FIRM_ENDING = (
    r"(?:Hospital|Clinic|Medical Center|Health|Hospice|Schools?|Elementary|Academy|College|University|School District"
    r"|Logistics|Trucking|Freight|Foods|Farms|Dairy|Roofing|Plumbing|Electric|Construction|Drywall|Landscaping"
    r"|Manufacturing|Industries|Steel|Mills?|Mining|Energy|Airlines|Air Lines|Railroad|Transit|Staffing|Fulfillment"
    r"|Distribution|Packing|Meatpacking|Processing|Shipbuilding|Aerospace|Dental|Pediatrics|Pharmacy|Bakery|Diner|Grill"
    r"|Hotel|Resort|Casino|Church|Ministries|Department|Supply|Works|Wireless|Trust|School|Kindergarten"
    r"|Credit Union|Bank|Plastics|Telephone|Telecom|Freight Lines|Fabrication|Paper|Cold Storage|Florist|Landscaping"
    r"|Cafe|Restaurant|Tool|Machine|Packaging|Insurance|Realty|Coal|Timber|Poultry|Aircraft|Precision|Lutheran"
    r"|Baptist|Elementary|Middle|High School|Mall"
    r"|Preschool|Nurser(?:y|ies)|Veterinary|Foundry|Brewing|Brewery|Laundry|Home Care|Nursing Home|Senior Living"
    r"|Council|Ambulance|Laundromat|Linen|Orchards?|Vineyards?|Quarry|Sawmill"
    r"|Housing|Charities|Library|Orchestra|Engineering|Surveyors?|Solicitors|Accountants)"
)
FIRM_OF_A_KIND = rf"(?-i:(?:[A-Z][\w&'.-]*(?: (?:of|the|and|&))? ){{1,4}}{FIRM_ENDING})"
ABOUT_A_JOB = (
    "job employer employed employment paystub paystubs stub stubs income salary wages payroll hr hired retired"
    " applicant voe shift shifts coworker boss nurse teacher welder cna"
)

# Below a letter: of those who keep a fleet, an office or a plant, not of a dealer's own staff.
OFFICE = (
    r"(?:Fleet|Office|Facilit(?:y|ies)|Operations|Plant|Transport(?:ation)?|Logistics|Accounts?|Procurement|Purchasing"
    r"|HR|Human Resources|Maintenance|Route|Site|Project|Executive|Administrative|Program) "
    r"(?:Coordinator|Manager|Director|Supervisor|Administrator|Assistant|Officer|Lead|Buyer|Clerk|Superintendent)"
)

# The words of a text with which a pattern is tried, and the pattern.
PATTERNS = (
    ("week month year hour hr wk mo yr", rf"\b{MONEY}{PERIOD},? (?:at|with|from) {AT_CAPITALS}"),
    (EARNING, rf"\b(?:earn|gross|mak)(?:e?s?|ing) {MONEY}(?:{PERIOD})? (?:at|with|from) {AT_FIRM}"),
    ("employer", rf"{LABEL}(?: is|:| -| =|\t|,)?\s+{AT_CAPITALS}"),
    ("employer", rf"{LABEL}(?: is|:| -| =|\t|,)\s*{AT_LOWER}"),
    ("employer", rf"{LABEL} {AT_LOWER}(?=[,;\n]|$| \$?\d)"),
    ("employed place", rf"\b(?:(?:self-)?employed (?:at|by|with)|place of (?:employment|work):?) {AT_FIRM}"),
    ("this", rf"\bthis is {PROPER}(?: {PROPER})? {CALLING} {AT_CAPITALS}"),
    ("it", rf"\b(?:it's|it\u2019s|its|it is) {PROPER}(?: {PROPER})? (?:calling )?from (?P<value>{FIRM_OF_A_KIND})"),
    (WORKING, rf"{WORKS} (?:over )?(?:at|for|in) {AT_CAPITALS}"),
    (WORKING, rf"{WORKS} @ ?{AT_CAPITALS}"),
    (WORKING, rf"(?:^|[.;,(-] ?)works (?:for|at|@) {AT_CAPITALS}"),
    (
        "employed",
        rf"\b(?:applicant|buyer|customer|cust|he|she) (?:is )?employed {AT_CAPITALS}(?=,? {DURATION}|[,.;\n]|$)",
    ),
    ("since", rf"(?:^|[,;] )at {AT_CAPITALS}(?=,? since\b)"),
    (JOB_WORDS, rf"\b{JOB} (?:@|w/) {AT_CAPITALS}"),
    ("hr", rf"\bhr (?:at|for|@) {AT_FIRM}"),
    (
        "teach teaches do does cook cooks drive drives nurse coach coaches farms bartend bartends tends waits clean"
        " cleans",
        rf"\b{PERSON} (?:teach(?:es)?|do(?:es)?|cooks?|drives?|nurses?|coach(?:es)?|farms|bartends?|tends bar|waits"
        rf" tables"
        rf"|cleans?)(?: (?!at\b)[\w'\u2019]+){{0,3}} (?:at|@|for|with) {AT_CAPITALS}(?! (?:\d|miles?))",
    ),
    (
        "employer work job",
        rf"\b(?:(?:my|his|her|current|new|present) )?(?:employer|work|job)(?: is|:) {AT_CAPITALS}(?=[,.;(\n]|$| in\b)",
    ),
    ("office", rf"\bmy office,? \(?{AT_CAPITALS}(?=[),])"),
    (
        "post mill plant hospital county district school schools factory railroad",
        rf"{WORKS} (?:over )?(?:at|for) (?P<value>the (?:[a-z]+ )?(?:{PLACES_OF_WORK}))\b",
    ),
    (
        "been",
        rf"\bbeen (?:at|with) (?P<value>the (?:[a-z]+ )?(?:{PLACES_OF_WORK}))(?= {DURATION}|,? since)",
    ),
    ("work", rf"\bat work,? (?:at )?{AT_CAPITALS}(?=[,.;\n]| (?:by|until|till|at)\b|$)"),
    (  # welder, Navarro Fabrication, 4 yrs · RN, Mercy General
        JOB_WORDS,
        rf"(?:^|[,:;.(] ?|\b(?:a|an|is|am|as) (?:\w+ )?){JOB}(?:,| -|/| \u2013|:) {AT_CAPITALS}(?=[,.;)\n]|$)",
    ),
    ("employment occupation job work emp", rf"\b(?:employment|occupation|job|work|emp):\s+{AT_CAPITALS}(?=[,.;(\n]|$)"),
    ("own", rf"\bi own {AT_CAPITALS}(?=[,.;\n]|$)"),
    (
        "employment offer",
        rf"\b(?:letter of employment|employment letter|offer letter|verification of employment) from {AT_CAPITALS}",
    ),
    (
        "fired quit laid left",
        rf"\b(?:fired (?:me|him|her)|laid (?:me |him |her )?off|quit my job|left my job) (?:from|at|by) {AT_FIRM}",
    ),
    (
        "shift nights",
        rf"\bi['\u2019]?m (?:at|with) {AT_CAPITALS}(?=,? (?:nights|first|second|third|(?:1st|2nd|3rd) shift))",
    ),
    (
        "husband wife mom dad s",
        rf"\b(?:husband|wife|mom|dad|son|daughter|he|she)(?:['\u2019]?s| is| was) (?:at|with) {AT_CAPITALS}(?=,?"
        rf" {DURATION}|,? since)",
    ),
    ("manage run clean", rf"\bi (?:manage|run|clean for|clean at) {AT_CAPITALS}(?=[,.;\n]|$| (?:on|in|and)\b)"),
    ("drive", rf"\bi drive for {AT_CAPITALS}"),
    ("from of with", rf"(?-i:\b(?P<who>{PROPER})) (?:from|of|with) (?P<value>{FIRM_OF_A_KIND})\b"),
    (
        "coordinator manager director supervisor administrator assistant officer lead buyer clerk superintendent",
        rf"^(?-i:{OFFICE}), {AT_CAPITALS}$",
    ),
    ("office", rf"\b(?:my|his|her) office (?:is )?(?:at|with) {AT_CAPITALS}"),
    ("work job employer", rf"\bmy (?:new |other |current )?(?:work|job|employer) is (?:at |with )?{AT_FIRM}"),
    ("emp", rf"\bemp[:.]? {AT_CAPITALS}"),
    ("company", rf"\bmy company(?:['\u2019]s name)?,? (?:is )?{AT_CAPITALS}"),
    (WORKING, rf"{WORKS} (?:at|for) {AT_LOWER}"),
    (WORKING, rf"\bwork(?:s|ed|ing) (?:nights|days|weekends|doubles|(?:full|part)[- ]time) (?:at|for) {AT_FIRM}"),
    (WORKING, rf"\b(?:works|working|worked) (?:at|in) {AT_CAPITALS}(?= (?:as|since|for)\b|[,.;]|$)"),
    (WORKING, rf"\bworks at {AT_CAPITALS}"),
    (WORKING, rf"\b(?:used to work|work(?:s|ed|ing)? as an? [\w-]+(?: [\w-]+)?) (?:at|for) {AT_FIRM}"),
    ("employed", rf"\bself[- ]employed,? (?:at |as |with )?\(?{AT_CAPITALS}"),
    ("started", rf"\bjust started (?:at|with) {AT_CAPITALS}"),
    (WORKING, rf"\bworks? for (?P<value>{PUBLIC_BODY})"),
    (
        "stub stubs voe paystub paystubs pay paycheck paychecks check w",
        rf"\b{PAYSTUB} (?:is |are )?(?:from|w/|with) {AT_FIRM}",
    ),
    (
        "job jobs shift shifts hired",
        rf"\b(?:(?:jobs?(?:'s)?(?: \w+)?|shifts?|hired on) (?:at|with)|hired (?:at|by)) {AT_FIRM}",
    ),
    (JOB_WORDS, rf"\b{JOB} (?:over )?(?:at|for) {AT_CAPITALS}"),
    (
        JOB_WORDS,
        rf"\b(?:a|an|the) (?:fleet |office |shop |store |night |day |head )?{JOB} (?:over )?(?:at|for) {AT_LOWER}",
    ),
    ("yr yrs year years month months mo mos", rf"\b{DURATION} (?:at|with) {AT_FIRM}"),
    (
        "been he she hes shes i who m",
        rf"\b(?:been|(?:he|she|i|who)(?:'?s|'?m| is| am)?) (?:been )?(?:at|with) {AT_FIRM}"
        rf"(?=,? (?:since|for (?:\d|over|almost|about|a |the past)|{DURATION})| \d{{1,2}} (?:yrs?|years?))",
    ),
    ("call", rf"\bcall (?:me at |him at |her at )?(?:my|his|her) (?:work|job|employer),? \(?{AT_FIRM}"),
    ("work job employer", rf"\b(?:my|his|her) (?:work|job|employer),? \(?{AT_CAPITALS}(?=[),])"),
    (
        OTHER_WORK,
        r"\b(?:(?:drives|(?<!urban )(?<!city )(?<!highway )driving|teach(?:es|ing)?|flies|cooks?|bartends?) (?:for|at)"
        rf"|retired from|currently (?:at|with)) {AT_CAPITALS}",
    ),
    ("boss worker workers coworker coworkers foreman", rf"\b(?:boss|co-?workers?|foreman) (?:over )?at {AT_FIRM}"),
    (ABOUT_A_JOB, rf"\b(?P<value>{FIRM_OF_A_KIND})\b"),
    ("paid", rf"\bpaid by (?P<value>{SEVERAL_CAPITALS})"),
    ("pays", rf"\b{AT_CAPITALS} pays (?:him |her |me )?{MONEY}{PERIOD}"),
    ("joins comes came", rf"\b(?:joins us|comes to us|came) from {AT_CAPITALS}(?= and starts|\.)"),
)


NOT_FIRMS = MONTHS | word_set(
    "monday tuesday wednesday thursday friday saturday sunday customer visa mastercard christmas"
)


def keep_employer(match: re.Match[str]) -> Span | None:
    """The span of a firm: not of a vehicle that something works for, nor of a word of everyday English."""
    lists, _ = load_model()
    value = match["value"].rstrip(".'\u2019-")
    words = value.lower().removeprefix("the ").split()
    who = match["who"].lower() if "who" in match.re.groupindex else None
    if who and (lists.common.get(who, 0) > 1 or not (who in lists.first or who in lists.last)):
        return None  # a part from a supplier
    if not words or (len(words) > 1 and all(w in lists.models and w not in lists.common for w in words[:2])):
        return None
    if len(words) == 1 and (words[0] in NOT_FIRMS or words[0] in JOB_WORDS.split()):
        return None
    common = [lists.common.get(word, 0) > 3 for word in words]
    if (
        value.islower()
        and not re.fullmatch(rf"the .*(?:{PLACES_OF_WORK})", value)
        and (all(common) or (common[0] and len(words) == 1))
    ):
        return None
    return match.start("value"), match.start("value") + len(value)


EMPLOYER = Kind(
    anything,
    tuple(
        Pattern(re.compile(pattern, re.I | re.M), STRONG, keep_employer, frozenset(triggers.split()))
        for triggers, pattern in PATTERNS
    ),
)
