"""What addresses are built from: types of road, states, ZIP codes, units, towns; and words that are in none."""

from pipelines.text.privacy.words import word_set

ROAD_TYPES = word_set(
    """
    street st avenue ave av boulevard blvd road rd lane ln drive dr court ct circle cir place pl parkway pkwy terrace
    ter trail trl way highway hwy square sq loop pike crossing xing run cove cv row alley plaza expressway expy expwy
    freeway fwy turnpike tpke bypass causeway path walk bend ridge hollow landing commons promenade crescent cres close
    gardens gdns mews grove green hill heights hts estate estates mall quay wharf parade rise vista point pointe pass
    spur mile canyon glen park bluff creek lake valley village oval esplanade line sideroad concession croft chase
    terr trce trace knoll knolls meadow meadows reach wynd rdg marg nagar chowk
    """
)
# Of the suffixes of USPS Publication 28 those that are something else mostly: they need a town or a word before them.
RARE_ROADS = word_set(
    """
    annex arcade bayou beach bottom branch bridge brook brooks burg camp cape center centers circles cliff cliffs
    club common corner corners course courts coves crest crossroad curve dale dam divide drives extension fall falls
    fairway ferry field fields flat flats ford fords forest forge fork forks fort gateway glens greens groves harbor
    harbors haven hills inlet island islands isle junction junctions key keys lakes land light lights lock locks
    lodge manor manors mew mill mills mission motorway mount mountain mountains neck orchard overpass parks passage
    pine pines plain plains points port ports prairie radial ramp ranch rapid rapids rest ridges river roads route
    shoal shoals shore shores skyway spring springs spurs squares station stravenue stream streets summit throughway
    tower towers track trafficway tunnel underpass union unions valleys via viaduct view views villages ville walks
    wall ways well wells
    """
)
ROAD = rf"(?:{'|'.join(sorted(ROAD_TYPES | RARE_ROADS))})\b\.?"
# Words that are roads only as part of a name: with a capital, or beside a word that is no everyday one.
COMMON_ROADS = word_set(
    """
    run drive way place row square loop crossing pike trail circle path walk bend ridge hollow landing commons plaza
    court lane alley cove terrace dr ct pl ter cir sq cv av st walk bypass freeway highway
    close gardens grove green hill heights estate estates mall parade rise vista point pass spur mile canyon glen park
    bluff creek lake valley village oval line chase street road trace meadow meadows reach knoll
    """
)
STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|PR|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]|AB|BC|MB|N[BLSTU]|ON|PE|QC|SK|YT|NSW|VIC|QLD)"
)
STATE_NAME = (
    r"(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    r"|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    r"|Montana|Nebraska|Nevada|New (?:Hampshire|Jersey|Mexico|York)|(?:North|South) (?:Carolina|Dakota)|Ohio|Oklahoma"
    r"|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin"
    r"|Wyoming|Ontario|Qu[eé]bec|Alberta|British Columbia|Manitoba|Saskatchewan)"
)
# As newspapers write them: New Orleans, La. 70130
STATE_SHORT = (
    r"(?:Ala|Ariz|Ark|Calif|Cal|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Mass|Md|Mich|Minn|Miss|Mo|Mont|Neb|Nev|Okla|Ont"
    r"|Ore|Pa|Penn|Que|Tenn|Tex|Va|Vt|Wash|Wis|Wyo|N\.H|N\.J|N\.M|N\.Y|N\.C|S\.C|N\.D|S\.D|R\.I|W\.Va|D\.C|B\.C)\."
)
ZIP = r"(?:\d{5}(?:-\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b"  # US, Canada, UK
UNIT = (
    r"(?: (?-i:Apts|Apartments|apts|apartments)\b|,? *(?:#|\b(?:apt|apartment|unit|suite|ste|lot|bldg|building|trlr"
    r"|trailer|space|spc|rm|room)\b\.?) *#? ?"
    r"(?:[A-Za-z]?-?\d[\w-]{0,7}|[A-Za-z])\b(?! of\b)"
    r"|,? \d{1,3}(?:st|nd|rd|th) fl(?:oor|r)?\b|,? (?:apt|unit) (?!(?:is|was|and|has|had|in|on|at|by|with|for|to|the"
    r"|i|we|he|she|it|my)\b)\w{1,6}\b|,? (?:fl|flr)\.? \d{1,2}\b"
    r"|,? (?:penthouse|ph|rear|upstairs|basement|floor)\b"
    r"(?: (?:house|unit|apartment|apt|flat|\w)\b)?"
    # Abroad: app. 5 · Int. 302 · 4ème étage · 3º B · m. 5
    r"|, (?:int|app|apto|apart|dept|depto|piso|piano|intérieur|interior|stiege|tür|bus|bte|bât|bat|esc|stn|comp|site"
    r"|box)\b\.? ?"
    r"\w{1,4}\b|, \d{1,2}\.? ?(?:ème|eme|er|e)? (?:étage|etage|piso|og|stock)\b"
    r"|,? (?:interior|edif\.?|piso|piano) \w{1,4}\b|, RD \d\b|, \d{1,2}[ºª°] ?(?:izq|dcha|dto|esq|\d[ºª°]|\w{0,3})\b|"
    r" m\.? ?\d{1,3}\b)"
)
TOWN_WORD = r"[A-Z](?:[\w'\u2019-]|\.(?= [A-Z][a-z]+,| [A-Z][a-z]+ [A-Z]))*"  # with the dot of St. Louis
TOWN_WORDS = rf"(?-i:{TOWN_WORD}(?: (?:of|de|la|del|the)\b| {TOWN_WORD}){{0,3}})"
TOWN = (
    rf"(?:,?\s+{TOWN_WORDS},? (?-i:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{{4}}\b"  # Bondi NSW 2026
    rf"|,?\s+{TOWN_WORDS},? (?:(?-i:{STATE})\b|{STATE_NAME}\b|{STATE_SHORT})(?:,? {ZIP})?"  # Orlando, FL 32801
    rf"|,?\s+(?!(?:at|in|is|and|for|from|on|to|the|my|with|call|cell|phone) )[a-z.'\u2019-]+"
    rf"(?: [a-z.'\u2019-]+){{0,2}}?,? "
    rf"(?:(?:{STATE}|{STATE_NAME})\b,? )?{ZIP}(?! ?[-.]? ?\d)"  # orlando fl 32801
    rf"|,?\s+[a-z.'\u2019-]+(?: [a-z.'\u2019-]+)?,? "
    rf"(?!(?:me|or|in|ok|hi|oh)\b|co\. ){STATE}\b(?=[.,;)\n]|$)"  # , orlando fl
    rf"|,?\s+[a-z.'\u2019-]+(?: [a-z.'\u2019-]+)?,? (?:NSW|VIC|QLD|WA|SA|TAS|ACT) \d{{4}}\b"  # Australia
    rf"|,? {ZIP}"
    r")"
)
COMPASS = r"(?:[nsew]|ne|nw|se|sw)"
DIRECTION = rf"(?:{COMPASS}\b\.?|north|south|east|west|northeast|northwest|southeast|southwest)"
PROPER = r"(?-i:[A-ZÀ-Þ])[\w'\u2019.-]*"
ROAD_NAME = (
    rf"(?:{PROPER}|\d{{1,3}}(?= mile )|[a-zß-ÿ'\u2019-]{{2,}}\.?|[a-z](?= (?:st|street|ave|avenue)\b)"
    r"|\d{1,3}(?:st|nd|rd|th))"
)
# Between a house number and the type of a road these are never: units, verbs, and small words of everyday English.
NOT_STREET_WORDS = word_set(
    """
    a about above after again all also although am an and any are around as at away back be because been before began
    behind being below both but by call called came can cannot could cylinder cylinders day days did do does doing done
    door doors down drive drives driven drove during each either else even every few find for found from gave get gets
    getting give given go goes going gone good got great had hard has have having he her here him his hit hour hours how
    i if in inch inches into is it its just keep keys kept kind kilometers km kph last left less let like little liters
    long made make makes making many may me mile miles minute minutes mm month months more most mph mpg much must my
    near need needs never next no nor not now of off on once one only onto or other our out over own parked part parts
    past people per percent please plus pounds lbs lb psi put quite ran rather ready really rpm said same sat saw say
    says second seconds see seen set several she should side since six small so some soon speed speeds spot still stop
    stopped such take takes taken test than that their them then there these they thing things third this those though
    three through time times to together too took toward turn turned turns two under until up upon us use used using
    very volt volts was watts way we week weeks well went were wheel what when where which while who whole whose why
    will with within without won't work works would year years yet you your yr yrs hp kw ft feet amp amps gallons
    quarts qts cars trucks vehicles guys men women customers owners star stars step steps point points out-of lug lugs
    bolt bolts piece pieces pack seat seats passenger row rows sport automatic manual auto transmission speed-manual
    front rear all-wheel four-wheel two-wheel awd fwd rwd wd engine cyl gear gears degree degrees hybrid electric turbo
    dollar dollars bucks grand thousand hundred page pages item items line lines hz khz mhz ghz gb mb
    """
)
# Of these, the ones that streets are named after, if capitalised: 120 Front Street, 24500 W 12 Mile Road.
STREET_WORDS = word_set("front long grand star point small mile great line page park the of auto main seat good kings")
