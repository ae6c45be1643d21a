"""Regular expressions that the patterns of personal data are built from: amounts, dates, streets and so on."""

# Between a label and its value: punctuation and a few small words ("my plate number on the car is: ...").
GAP = r"(?:[\s:;#=\-\u2013\"'(*.,]|\b(?-i:[a-z']{1,9})\b){0,12}?"
# The same, of a dialogue: "Plate again? - It's ...", "Caller: ...".
WIDE_GAP = r"(?:[\s:;#=\-\u2013\u2014\"'(*.,?!\u2019]|\b(?-i:[^\W\d_][a-zß-ÿ'\u2019]{0,9})\b){0,14}?"
SEPARATOR = r"[ ._\-\u2010\u2011\u2013\u2014/·]"  # between groups of digits; up to three of them
COUNT_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|grand)"
)
MONEY_IN_WORDS = rf"{COUNT_WORD}(?:[ -](?:and )?{COUNT_WORD}){{0,6}}(?: dollars| bucks| fifty)?"
MONEY = (
    r"(?:(?:\$|\u20ac|\u00a3|\u20b9|(?:usd|cad|eur|gbp|chf|aud|inr|rs)\.?(?= ?\d)) ?\d[\d,'\u2019]*(?:\.\d\d?)?"
    r"(?: ?k\b| lakhs?\b)?|\b\d{1,3}(?:[,'\u2019]\d{3})+(?:\.\d\d)?(?![\d,])"
    r"|\b(?!(?:19|20)\d\d\b)\d{4,7}(?:\.\d\d)?(?![\d,/-])|\b\d{1,3}(?:\.\d)? ?k\b"
    r"|\b\d{1,3}(?:\.\d\d)?(?: dollars| bucks)?(?= ?(?:/|an|per) ?(?:hour|hr)\b)|\b\d{1,2}(?:\.\d+)? lakhs?\b"
    r"|\b\d{2,3} grand\b"
    r"|\b(?:CA|US|AU|NZ|[AC])\$ ?\d[\d,]*(?:\.\d\d?)?|\b\d{1,3}(?:[. ]\d{3})* ?\u20ac(?!\w))"
)
PERIOD = (
    r"(?: ?(?:usd|dollars|bucks|gross|net|before taxes?|cash|euros?|pounds))?"
    r"(?: ?(?:/|per|an?|each|every(?: two| other)?|twice a|p\.) ?(?:hour|hr|weeks?|wk|month|mo|year|yr|annum|m|a)\b"
    r"|(?: annually| yearly| hourly| monthly| (?:bi-?|semi-?)?weekly| monatlich| brutto| al mes| par mois))"
)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
DATE = (
    rf"(?:\d{{1,2}} ?[-/. ] ?\d{{1,2}} ?[-/. ] ?(?:19|20)?\d\d\b|(?:19|20)\d\d[-/. ]\d{{1,2}}[-/. ]\d{{1,2}}\b"
    rf"|{MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?:,|,? of)? ['\u2019]?(?:19|20)?\d\d\b"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -]{MONTH},?[ -](?:19|20)?\d\d\b"
    rf"|\d{{1,2}}[ -]?{MONTH}[ -]?(?:19|20)?\d\d\b"
    r"|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:19|20)\d\d\b)"
)
DAY_WORD = (
    r"(?:(?:twenty|thirty)[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
    r"|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|\d{1,2}(?:st|nd|rd|th)?)"
)
UNIT_WORD = r"(?:one|two|three|four|five|six|seven|eight|nine)"
YEAR_WORDS = (
    rf"(?:(?:nineteen|two thousand|twenty)[ -](?:and )?)?(?:(?:oh|o)[ -]{UNIT_WORD}"
    rf"|(?:thirty|forty|fifty|sixty|seventy|eighty|ninety|ten|eleven|twelve)(?:[ -]{UNIT_WORD})?"
    rf"|(?<=thousand ){UNIT_WORD})\b"
)
YEAR = rf"(?:(?:19|20)\d\d\b|['\u2019]\d\d\b|{YEAR_WORDS})"
# Of a person: the month and the year are enough, and both may be in words.
SPOKEN_DATE = (
    rf"(?:{MONTH} (?:the )?{DAY_WORD}(?:,? of)?,? {YEAR}|(?:the )?{DAY_WORD}(?: day)? of {MONTH},? (?:of |in )?{YEAR}"
    rf"|{MONTH}(?: of)?,? {YEAR}|\d{{1,2}}\.? [^\W\d_]{{3,10}} (?:19|20)\d\d\b|\d{{1,2}}/(?:19)\d\d\b)"
)
PLATE = (
    r"(?:[a-z]{1,3}[ -][a-z]{1,2}[ -]\d{1,4}|[a-z]{1,2} \d{4} [a-z]{1,3}"
    r"|[a-z]{1,3}[ -]\d{3}[ -][a-z]{2}|[a-z]{1,2}[ -]\d{3}[ -][a-z]{1,3}"
    r"|\d{2,3}-[a-z]{1,2}-\d{1,6}|[a-z]{2} \d{2} \d{3}|[a-z]{2} ?\d{1,2} ?[a-z]{1,3} ?\d{4}"
    r"|(?-i:(?=[A-Z \u00b7\u2022-]{0,5}\d)[A-Z0-9]{1,4}[ \u00b7\u2022-]?[A-Z0-9]{1,5}(?:-[A-Z0-9]{1,3}| \d{1,3})?)"
    r"|(?-i:[a-z]{2}\d{2}[ -]?[a-z]{3}|[a-z]{2}\d[ -]\d[a-z]\d|[a-z]\d{2}[ -]?\d{2}[a-z]|[a-z]{3} \d{2}[a-z]"
    r"|(?=[a-z]{0,4}\d)[a-z0-9]{2,4}[ -](?=[a-z]{0,3}\d)[a-z0-9]{2,4}|(?=\d{0,4}[a-z])(?=[a-z]{0,4}\d)[a-z0-9]{5,8}"
    r"|[a-z]{2,3}\d{2,4}[a-z]{0,2}|[a-z]{2,3}[ -]\d{4,5}|[a-z]{3}[ -]\d{3}|\d{1,3}[ -]?[a-z]{2,3}\d{0,3}"
    r"|\d{3,4}[ -][a-z]{2,3}))"
)
BRITISH_PLATE = (  # since 2001; no XC60 AWD
    r"(?<![\w-])(?-i:[A-HJ-PR-Y]{2}(?:0[1-9]|[1256]\d|7[0-6]) "
    r"(?!(?:[AFR]WD|SUV|CVT|[LS]WB|CAB|VAN|MPG|MPH|RPM|LBS|PSI)\b)[A-HJ-PR-Z]{3})(?![\w-])"
)
IRISH_PLATE = (  # year and half, county, number: 191-D-40772, 08-KE-1234
    r"(?<![\w-])(?:[89]\d|0\d|1[0-2]|1[3-9][12]|2\d[12])-"
    r"(?:C[ENW]?|DL?|G|K[EKY]|L[DHKMS]?|M[HNO]|OY|RN|SO|T[NS]?|W[DHWX]?)-\d{1,6}(?![\w-])"
)
CAPITALS = r"(?:the )?(?-i:[A-Z][\w&'\u2019.-]*(?: (?:of|the|and|&|[A-Z][\w&'\u2019-]*)){0,4})"
HOST = r"(?:[a-z0-9](?:[\w-]*[a-z0-9])?\.)+[a-z]{2,24}"
OPEN, CLOSE = r" ?[(\[{]? ?", r" ?[)\]}]? ?"
COMMON_ENDING = r"(?:com|net|org|edu|gov|mil|us|ca|mx|co|io|info|biz|me|tv|ai|app|dev|uk|de)\b"
EXTENSION = r"(?:,? {0,2}(?:x|ext\.?|extension)[ .:#]{0,2}\d{1,6})?(?!\w|-\w|\.\d| \d{3})"
# Plates and tags that are no registration's: "skid plate kit fits 2016", "the tire tag says 65 PSI".
OTHER_PLATES = "skid pressure backing base mount mounting dust trim scuff kick name cover flex clutch glow"
OTHER_TAGS = "price tire tyre part core name bag hang hood gift repair inspection service sale pressure"
PLATE_WORDS, TAG_WORDS = ("".join(f"(?<!{word} )" for word in words.split()) for words in (OTHER_PLATES, OTHER_TAGS))
