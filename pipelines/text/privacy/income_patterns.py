"""The patterns of incomes: amounts of money that a person earns or receives, by the words around them."""

import re

from pipelines.text.privacy.pattern import STRONG, Kind, Pattern, Span, any_word, compile_pattern
from pipelines.text.privacy.pattern_parts import MONEY, MONEY_IN_WORDS, PERIOD
from pipelines.text.privacy.words import word_set

BENEFITS = (
    r"(?:child support|social security|ssi|ssdi|ss benefits|disability|unemployment|alimony|pension|retirement|the va\b"
    r"|va (?:benefits|pension|disability)|benefits|workers['\u2019]? comp)"
)
BENEFIT_WORDS = "child social ssi ssdi ss disability unemployment alimony pension retirement va benefits workers"
ABOUT_EARNING = word_set(
    "income salary wages employer employed employment paystub paystubs stub stubs gross hourly overtime job jobs"
    " applicant cobuyer cosigner voe ssi ssdi earns earn earning"
)
PRICE = re.compile(  # what costs so much, before or after an amount for a time
    r"\b(?:payments?|pmts?|lease[ds]?|rent(?:al|s)?|mortgage|insurance|premium|budget|afford|storage|fee|bill|under|below|over"
    r"|at|than|loan|note|pays? for|costs?|charges?|diag|labor|rate|owes?|apr|down)\b[^.;\n]{0,24}$",
    re.I,
)
COST_AFTER = re.compile(r"[^.;,\n]{0,12}\b(?:payments?|pmts?|lease|rent|mortgage|insurance|loan|note|storage)\b", re.I)


def keep_earned(match: re.Match[str]) -> Span | None:
    """The span of an amount that is no price."""
    text, (start, end) = match.string, match.span("value")
    before = PRICE.search(text, max(0, start - 40), start)
    return None if before or COST_AFTER.match(text, end) else (start, end)


INCOME = Kind(
    any_word(
        "income incomes salary salaries wage wages earn earns earned earning earnings make makes making pay pays"
        " home brings bringing gross grosses grossing grossed drawing draws paystub paystubs employer annualizes"
        " inc job stub stubs w work works worked hourly tips overtime"
        " states take takes receive receives pull pulls ssdi ssi alimony"
        " inc ytd annual monthly yearly combined stated verified averages rate check checks gano gagne verdiene"
        " guadagno hr hour va ss"
        " made get gets got social unemployment support benefits retirement employed employment self household base"
        " clear clears clearing cleared paying paycheck gehalt sueldo salario salaire retired pension disability"
    ),
    (
        compile_pattern(
            rf"\b(?:income|salary|wages?|earnings|(?:gross|net|take[- ]home) pay|gross(?:es|ed)?|pension|paycheck"
            rf"|inc(?=[.:]? ?[$\d])|ytd|(?:rate of pay|pay rate)|hourly(?=[: ]*\$)|gano|je gagne|ich verdiene|guadagno"
            rf"|ssdi|ssi|disability|alimony|gehalt|sueldo|salario|salaire)"
            rf"(?:[\s:;=\-\u2013\"(*,?/]|\b[a-z']{{1,9}}\b){{0,6}}?(?P<value>{MONEY})",
            STRONG,
        ),
        compile_pattern(
            r"\b(?:earn(?:s|ing|ed)?|mak(?:es?|ing)|bring(?:s|ing)? (?:home|in)|pulls? in|gross(?:es|ing)?"
            r"|draw(?:s|ing)|clear(?:s|ing|ed)?|takes? (?:home|in)|take[- ]home is|receives?|states"
            r"|pay(?:s|ing)? (?:me|him|her|us|them)|annualizes to)"
            r" (?:about |around |roughly |only |like |maybe |approx\.? |over |just )?"
            rf"(?P<value>{MONEY}|{MONEY_IN_WORDS})"
            rf"(?={PERIOD}| at | gross| net|, (?:paystub|pay stub))",
            STRONG,
        ),
        compile_pattern(
            rf"(?P<value>{MONEY})(?:{PERIOD})?,? (?:\w+ )?(?:income|salary|gross|take[- ]home|before taxes)\b",
            STRONG,
        ),
        compile_pattern(
            rf"\b(?:pays|paid) (?:(?:him|her|me|them|us) )?(?P<value>{MONEY})(?={PERIOD} (?:in cash|gross|net))",
            STRONG,
        ),
        compile_pattern(
            r"\b(?:employ\w*|paystubs?|stubs?|w-?2s?|job|works?|worked|hourly|retired|pension|tips|overtime)\b"
            rf"[^.\n]{{0,60}}?(?<!payment )(?<!lease )(?<!rent )(?P<value>{MONEY})(?={PERIOD})",
            STRONG - 0.1,
        ),
        # "i make $2,400.", "he makes twenty nine hundred": a person's, without a period at the end of a clause
        compile_pattern(
            r"\b(?:i|he|she|they|we|wife|husband)(?: only| just| still| currently)? (?:makes?|made|earns?|earned"
            r"|clears?|brings? home|pulls? in)(?: more,)?"
            rf"(?: about| around| only| roughly)? "
            rf"(?P<value>{MONEY}|{MONEY_IN_WORDS}(?:(?<=hundred)|(?<=thousand)|(?<=grand)))"
            r"(?=[.;,!?]?\s*$|[.;!?] |, )",
            STRONG - 0.1,
        ),
        compile_pattern(  # "How much do you make? - About $1,150 a week"
            r"\bhow much (?:do |does |did |are |is )?\w+ (?:make|earn|bring|clear|gross|paid|making|earning)\b"
            rf"[^$\n\d]{{0,40}}?(?P<value>{MONEY})",
            STRONG - 0.1,
        ),
        compile_pattern(
            rf"\b(?:paystubs?|pay ?stubs?|payslips?|paychecks?)\b[^\n$]{{0,60}}?"
            rf"\b(?:net|gross):? (?P<value>{MONEY})",
            STRONG,
        ),
        compile_pattern(rf"\b[a-z]+ pays (?P<value>{MONEY})(?={PERIOD})", STRONG - 0.1),
        compile_pattern(
            rf"\bmy (?:pay)?checks? (?:is|are|runs?|comes? to)(?: about| around)? (?P<value>{MONEY})", STRONG
        ),
        compile_pattern(rf"\bpays? (?:me|him|her|us) (?P<value>{MONEY})", STRONG - 0.1),
        compile_pattern(
            rf"(?P<value>{MONEY})(?:{PERIOD})? (?:from |in |of )?{BENEFITS}\b", STRONG - 0.1, triggers=BENEFIT_WORDS
        ),
        compile_pattern(r"(?P<value>\$\d{1,3}(?:\.\d\d)?) ?(?:/|an |per )(?:hour|hr) ?(?:x|\*|at|for) ?\d\d\b", STRONG),
        compile_pattern(
            rf"\bstubs?\b(?: \w+){{0,3}} (?:at|for|of|showing|shows|is|are) (?P<value>{MONEY})", STRONG - 0.1
        ),
        compile_pattern(
            rf"\b(?:household|combined|annual|monthly|yearly|stated|verified|averag(?:es?|ing))(?: is| of|:)? "
            rf"(?P<value>\$ ?\d{{1,3}},\d{{3}}(?:\.\d\d)?|\d{{1,3}},\d{{3}}(?={PERIOD}))(?!,| (?:miles|mi|km)\b)",
            STRONG - 0.15,
            triggers="household combined housing rent proof req reqd job employer commission annual",
        ),
        compile_pattern(
            rf"\b(?:i|he|she|we)(?: \w+){{0,2}} (?:about |around |roughly )?(?P<value>{MONEY_IN_WORDS})(?={PERIOD})",
            STRONG - 0.15,
            triggers="make makes making bring brings earn earns clear clears gross job",
        ),
        # "she gets $900 child support", "social security, $1,677 on the 3rd"
        compile_pattern(
            rf"\b(?:gets?|got|receives?|draws?)(?: about| around| only)? (?P<value>{MONEY})"
            rf"(?:{PERIOD})? (?:from |in |of |for )?{BENEFITS}",
            STRONG,
            triggers=BENEFIT_WORDS,
        ),
        compile_pattern(
            rf"\b{BENEFITS}\b(?:[ ,:(-]+(?:\w+ ){{0,4}}?)(?P<value>{MONEY})", STRONG - 0.1, triggers=BENEFIT_WORDS
        ),
        compile_pattern(
            rf"\b(?:w-?2s?|1099s?|tax returns?|pay ?stubs?)\b(?: \w+){{0,3}}? (?:shows?|says?|of|for):?"
            rf" (?P<value>{MONEY})",
            STRONG,
        ),
        compile_pattern(rf"\bbonus(?:es)? of (?P<value>{MONEY})", STRONG - 0.1),
        compile_pattern(
            rf"(?P<value>{MONEY}) (?:base|plus commission|after tax(?:es)?)\b(?! (?:price|msrp|model))",
            STRONG - 0.1,
            triggers=" ".join(ABOUT_EARNING),
        ),
        # Every amount for a time, in a text about somebody's job or credit, that is no price
        Pattern(re.compile(rf"(?P<value>{MONEY})(?={PERIOD})", re.I), STRONG - 0.15, keep_earned, ABOUT_EARNING),
    ),
)
