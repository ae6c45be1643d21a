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
ROAD = (
    r"(?:street|st|avenue|ave?|av|boulevard|blvd|road|rd|lane|ln|drive|dr|court|ct|circle|cir|place|pl|parkway|pkwy"
    r"|terrace|ter|trail|trl|way|highway|hwy|square|sq|loop|pike|crossing|xing|run|cove|cv|row|alley|plaza)\b\.?"
)
STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|PR|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY])"
)
UNIT = (
    r"(?:,? *(?:#|apt\.?|apartment|unit|suite|ste\.?|lot|bldg\.?|trlr\.?) *#? ?[\w-]{1,6}\b"
    r"|, \d{1,3}(?:st|nd|rd|th) floor\b)"
)
TOWN = rf"(?:[,\s]+(?-i:(?:[A-Z][\w.'-]*,? ){{1,3}}(?:{STATE}|[A-Z][a-z]+(?: [A-Z][a-z]+)?)),? \d{{5}}(?:-\d{{4}})?\b)"
NOT_A_ROAD = (
    r"(?!(?:wheel|lane|way|door|(?-i:dr|DR)(?!\.)|speed|cyl|cylinder|hour|year|month|day|mile|minute|mpg|hp|point|[kmg]?hz)\b"
    rf"|{MONTH}\b)"
)
COMPASS = r"(?:[nsew]|ne|nw|se|sw)"
PROPER = r"(?-i:[A-Z])[\w'\u2019.-]*"
ROAD_NAME = rf"(?:{PROPER}|[a-z'\u2019]{{3,}})"
PLATE = (
    r"(?-i:(?=[A-Z ·•-]{0,5}\d)[A-Z0-9]{1,4}[ ·•-]?[A-Z0-9]{1,4}[ -]?[A-Z0-9]{0,3}"
    r"|[a-z]{2,3}\d{2,4}[a-z]{0,2}|[a-z]{2,3}[ -]\d{4}|[a-z]{3}[ -]\d{3}|\d{1,3}[ -]?[a-z]{2,3}\d{0,3})"
)
CAPITALS = r"(?:the )?(?-i:[A-Z][\w&'\u2019.-]*(?: (?:of|the|and|&|[A-Z][\w&'\u2019-]*)){0,4})"
HOST = r"(?:[a-z0-9](?:[\w-]*[a-z0-9])?\.)+[a-z]{2,24}"
OPEN, CLOSE = r" ?[(\[{]? ?", r" ?[)\]}]? ?"
COMMON_ENDING = r"(?:com|net|org|edu|gov|mil|us|ca|mx|co|io|info|biz|me|tv|ai|app|dev|uk|de)\b"
EXTENSION = r"(?: {0,2}(?:x|ext\.?|extension)[ .:#]{0,2}\d{1,6})?(?!\w|-\w|\.\d| \d{3})"
