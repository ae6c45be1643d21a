"""Regular expressions that the patterns of personal data are built from: amounts, dates, streets and so on."""

# Between a label and its value: punctuation and a few small words ("my plate number on the car is: ...").
GAP = r"(?:[\s:;#=\-\u2013\"'(*.,]|\b(?-i:[a-z']{1,9})\b){0,12}?"
SEPARATOR = r"[ ._\-\u2010\u2011\u2013\u2014/·]"  # between groups of digits; up to three of them
MONEY = (
    r"(?:\$ ?\d[\d,]*(?:\.\d\d?)?(?: ?k\b)?|\b\d{1,3}(?:,\d{3})+(?:\.\d\d)?"
    r"|\b(?!(?:19|20)\d\d\b)\d{4,7}(?:\.\d\d)?\b|\b\d{2,3}(?:\.\d)? ?k\b)"
)
PERIOD = (
    r"(?: ?(?:/|per|an?|each|every) ?(?:hour|hr|week|wk|month|mo|year|yr|annum)\b"
    r"|(?: annually| monthly| (?:bi-?)?weekly))"
)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
DATE = (
    rf"(?:\d{{1,2}} ?[-/. ] ?\d{{1,2}} ?[-/. ] ?(?:19|20)?\d\d\b|(?:19|20)\d\d[-/. ]\d{{1,2}}[-/. ]\d{{1,2}}\b"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)?\d\d\b"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -]{MONTH},?[ -](?:19|20)?\d\d"
    r"|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:19|20)\d\d)"
)
PLATE = (
    r"(?:[a-z]{1,3}-[a-z]{1,2} \d{1,4}"
    r"|(?-i:(?=[A-Z ·•-]{0,5}\d)[A-Z0-9]{1,4}[ ·•-]?[A-Z0-9]{1,4}(?:-[A-Z0-9]{1,3}| \d{1,3})?)"
    r"|(?-i:[a-z]{2}\d{2}[ -]?[a-z]{3}|[a-z]{2}\d[ -]\d[a-z]\d|[a-z]\d{2}[ -]?\d{2}[a-z]"
    r"|[a-z]{2,3}\d{2,4}[a-z]{0,2}|[a-z]{2,3}[ -]\d{4}|[a-z]{3}[ -]\d{3}|\d{1,3}[ -]?[a-z]{2,3}\d{0,3}))"
)
CAPITALS = r"(?:the )?(?-i:[A-Z][\w&'\u2019.-]*(?: (?:of|the|and|&|[A-Z][\w&'\u2019-]*)){0,4})"
HOST = r"(?:[a-z0-9](?:[\w-]*[a-z0-9])?\.)+[a-z]{2,24}"
OPEN, CLOSE = r" ?[(\[{]? ?", r" ?[)\]}]? ?"
COMMON_ENDING = r"(?:com|net|org|edu|gov|mil|us|ca|mx|co|io|info|biz|me|tv|ai|app|dev|uk|de)\b"
EXTENSION = r"(?: {0,2}(?:x|ext\.?|extension)[ .:#]{0,2}\d{1,6})?(?!\w|-\w|\.\d| \d{3})"
# Plates and tags that are no registration's: "skid plate kit fits 2016", "the tire tag says 65 PSI".
OTHER_PLATES = "skid pressure backing base mount mounting dust trim scuff kick name cover flex clutch glow"
OTHER_TAGS = "price tire tyre part core name bag hang hood gift repair inspection service sale pressure"
PLATE_WORDS, TAG_WORDS = ("".join(f"(?<!{word} )" for word in words.split()) for words in (OTHER_PLATES, OTHER_TAGS))
