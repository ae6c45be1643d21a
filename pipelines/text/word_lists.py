"""Word lists for the comparison of texts: what says nothing, what says the same, and what makes a different fact.

They are for English, the language of the templates. Words are in lower case.
"""


def read_words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Words without which a question or an answer still says the same.
FILLERS = read_words(
    """
    a an the this that these those there here it its he she they them his her their i me my mine we us our you
    your yours is are was were be been being am do does did done have has had having will would get gets got of
    in into on onto at to by for from with as than then so and or but if also too just really very quite please
    kindly hello hi hey dear ok okay thanks thank know want wants wanted tell lot question questions bother
    quick like look up advance number amount many much what which whose whom about around approximately roughly
    ca own any some such per each s
    """
)

# Phrases of courtesy; what is asked or said stands beside them. Removed before words are compared.
COURTESIES = (
    r"(?:can|could|would|will) you (?:please |kindly )?(?:tell|show|give|explain to)(?: (?:me|us))?",
    r"(?:can|could|would|will) you (?:please |kindly )?(?:look (?:this|it|that) up|look up|check)",
    r"(?:can|could|would|will) you (?:please |kindly )?help me(?: with| understand)?",
    r"(?:please |kindly )?(?:tell|let) (?:me|us) know",
    r"(?:please )?tell (?:me|us)",
    r"i(?: would|'d|\u2019d) (?:like|love|want|need) to (?:know|ask|find out|understand)",
    r"i (?:want(?:ed)?|need(?:ed)?|require|wish|have) to (?:know|ask|find out|understand)",
    r"(?:i was |i am |i'm |just )?wondering(?: if)?",
    r"(?:do|would) you (?:happen to )?know",
    r"(?:a|the|my) customer (?:wants|would like|needs) to know",
    r"(?:i am |i'm )?sorry to (?:bother|trouble) you",
    r"(?:quick|one|another) question",
    r"(?:please )?check the record",
    r"thank(?:s| you)(?: (?:a lot|so much|very much|in advance|again))?",
    r"good (?:morning|afternoon|evening)",
    r"of course|by the way",
)

# Phrases that are written in several ways, each as one word that is compared.
PHRASES = {
    r"miles (?:per|a|to the) gallon": "mpg",
    r"(?:miles (?:per|an) hour|mi/h)": "mph",
    r"kilomet(?:er|re)s? ?(?:per |an |/ ?)h(?:our)?|km/h|kph": "kmh",
    r"(?:pounds (?:per|a) square inch|lbs?/in2)": "psi",
    r"(?:foot|ft)[-. ]{0,2}(?:pounds?|lbs?)|(?:pounds?|lbs?)[-. ]{0,2}(?:foot|feet|ft)": "footpound",
    r"inch[- ]pounds?|in[-.]{1,2} ?lbs?|(?:pounds?|lbs?)-(?:inch(?:es)?|in)": "inchpound",
    r"newton[- ]?met(?:er|re)s?|n[\u00b7*. -]m\b": "nm",
    r"kilowatt[- ]hours?": "kwh",
    r"cubic cent[ia]?met(?:er|re)s?": "cc",
    r"(?:degrees?|\u00b0|deg\.?) ?(?:celsius|centigrade|c\b)": "celsius",
    r"(?:degrees?|\u00b0|deg\.?) ?(?:fahrenheit|f\b)": "fahrenheit",
    r"(?:gas|fuel) mileage|fuel efficiency": "fuel economy",
    r"how (?:many|much)|(?:the )?number of|(?:the )?amount of": "",
    r"air conditioning|air conditioner|a/c\b": "aircon",
    r"make sure(?: that)?": "ensure",
    r"as soon as possible|right away|at once|straight away": "immediately",
    r"o'clock": "clock",
    r"us dollars?|us\$": "dollars",
    r"w/o\b": "without",
    r"w/": "with",
    r"check[- ]engine[- ](?:light|lamp)": "cel",
    r"front[- ]wheel[- ]drive": "fwd",
    r"rear[- ]wheel[- ]drive": "rwd",
    r"all[- ]wheel[- ]drive": "awd",
    r"four[- ]wheel[- ]drive|4x4": "4wd",
}

# At least one of these words is in every courtesy, or in every phrase: a text without them need not be searched.
COURTESY_WORDS = read_words(
    """
    tell show give explain look check help know ask find understand wondering wonder sorry question thanks thank
    morning afternoon evening course way
    """
)
PHRASE_WORDS = read_words(
    """
    $ \u20ac \u00a3 \u00a5
    gallon hour mi kilometers kilometres lbs lb pound pounds newton kilowatt cubic ° degrees degree deg mileage
    efficiency many much number amount conditioning conditioner sure soon away once straight stand stands clock
    dollars us$ wheel front-wheel rear-wheel all-wheel four-wheel engine check-engine n l v w m g h k
    """
)

# Units of measurement: the first of each line stands for all.
UNITS = """
    mpg | mph | kmh | psi | kpa | bar | footpound | inchpound | nm | kwh | cc | celsius | fahrenheit | rpm | amu
    pound lb lbs | ounce oz | kilogram kg kgs kilo | gram g grams | ton tonne
    gallon gal gals | quart qt qts | pint pt pts | liter l ltr litre | milliliter ml millilitre
    mile mi | kilometer km kms kilometre | meter m metre | centimeter cm centimetre | millimeter mm millimetre
    inch inches | foot feet ft | yard yd yds
    horsepower hp bhp | kilowatt kw | watt w | volt v | ampere amp amps | ohm | hertz hz
    second sec secs | minute min mins | hour hr hrs h | day | week wk wks | month mo mos | year yr yrs
    percent pct % | dollar $ usd bucks | euro \u20ac eur | sterling \u00a3 gbp | yen \u00a5 | cent
    degree \u00b0 deg | thousand | million | cylinder cyl | door dr | speed spd
"""

# Words that say the same at a dealership's counter: the first of each line stands for all.
SYNONYMS = """
    vehicle car automobile | repair fix | replace change exchange renew | customer client
    say state report mention
    need require | recommend suggest advise | show display indicate | price cost charge | buy purchase | big large
    check inspect examine | tire tyre | gasoline petrol gas | color colour | hood bonnet | windshield windscreen
    technician mechanic tech | dealer dealership | photo picture image | phone telephone | help assist
    usual normal typical general usually normally typically generally | problem issue trouble fault | get receive obtain
    provide supply offer give | find locate | occur happen | verify confirm | bad faulty defective | noise sound
    finish complete | maximum max | minimum min | transmission gearbox trans | information info
    specification spec specs | temperature temp | mean meaning means stand stands | immediately promptly | start begin
    shop workshop garage | service maintenance | appointment booking | way procedure process method | inform notify
    weight weigh | center centre | license licence | aluminum aluminium | catalog catalogue | cancel canceled cancelled
    headlight headlamp | taillight taillamp
"""

# Words that make another fact of a sentence that is otherwise the same; sets of words that exclude each other.
OPPOSITES = """
    not no never none neither nor without cannot nothing | yes | when | where | who | why | how
    city highway combined | front rear back | left right | driver passenger | upper lower | top bottom
    inner outer | inside outside | interior exterior | intake exhaust | high low | higher lower highest lowest
    maximum minimum | more less fewer most least | before after until | next previous last first third
    hot cold warm cool | off | open close closed shut | new used old | increase decrease raise reduce | add remove
    install uninstall | tighten loosen | sell buy lease rent finance | automatic manual
    gasoline diesel electric hybrid
    input output | positive negative | above below over under | early late | morning afternoon evening night noon
    am pm | monday tuesday wednesday thursday friday saturday sunday weekday weekend
    january february march april may june july august september october november december
    red blue green white black silver gray grey brown yellow orange beige gold purple
    primary secondary | same different | always sometimes | all | can must should may | safe unsafe | legal illegal
    start stop | long short | lean rich | wet dry | hard soft | fast slow | single double triple dual
    summer winter spring
    north south east west | empty full | clockwise counterclockwise anticlockwise | optional standard mandatory
    engine motor transmission brake battery | pad rotor caliper drum | oil coolant | sensor actuator
    included excluded | free | approve decline reject accept | allow forbid
"""

# Units that are written as several words too, by those words.
COMPOUNDS = {
    "mpg": ("miles", "gallon"),
    "mph": ("miles", "hour"),
    "kmh": ("kilometers", "hour"),
    "psi": ("pounds", "square", "inch"),
    "footpound": ("foot", "pounds"),
    "inchpound": ("inch", "pounds"),
    "fwd": ("front", "wheel", "drive"),
    "rwd": ("rear", "wheel", "drive"),
    "awd": ("all", "wheel", "drive"),
}

# Parts and makes that a general vocabulary lacks.
PARTS = read_words(
    """
    actuator airbag alternator axles backorder ballast caliper calipers camshaft catalytic coilover crankcase
    crankshaft defroster differential dipstick drivetrain driveshaft evaporator flywheel gasket gaskets grille
    halfshaft harness headlight headliner hubcap hubs injector injectors intercooler knuckle lugs manifold
    mileage misfire misfires muffler odometer powertrain pulley rack radiator resonator rocker rotors serpentine
    silencer solenoid spacer sparkplug spindle splitter spoiler starter strut struts sunroof suspension swaybar
    tailgate tensioner thermostat throttle torsion towing transaxle transponder turbocharged turbocharger
    undercarriage wiper wipers acura audi bmw buick cadillac camry chevrolet chevy chrysler corolla dodge
    elantra ford gmc honda hyundai infiniti jeep kia lexus lincoln mazda mercedes mitsubishi nissan porsche ram
    rav sedona sentra silverado sienna sonata sorento sportage subaru tacoma tahoe tesla toyota tucson tundra
    volkswagen volvo
    """
)

# Words of the trade that are one letter from another: two of them are never one word, misspelt.
TRADE = read_words(
    """
    axle belt bell bolt boot brake brace bulb bushing cable carrier cell clamp clip clutch coil coat cool cost
    cover deck deal dealer door drain drive driver fan fee filter fine fire floor fluid frame fuel fuse gas gear
    glass hood hook hose hub jack joint key lamp lane latch lease lens lever lift light lights line link liner
    lock loan mount nut pan panel part parts pin pipe piston plate plug pole port price print pump rack rail
    rate relay rim rod roof route sale seal seat shaft shift shock short sign signal sill sold spring stock
    switch tank tax term test tie tile tire title tone tool tools tow trade trim trip truck tube turn valve
    value van vent visor washer wear weld wheel window wire wrench
    """
)

TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ONES = "two three four five six seven eight nine ten"
TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
NUMBER_WORDS = {"zero": 0} | {word: number for number, word in enumerate(f"{ONES} {TEENS}".split(), 2)}
NUMBER_WORDS |= {word: 10 * number for number, word in enumerate(TENS.split(), 2)}


def first_of_group(groups: str) -> dict[str, str]:
    """Word → the first word of its group; groups are separated by | or a line."""
    split = (group.split() for line in groups.splitlines() for group in line.split("|"))
    return {word: group[0] for group in split if group for word in group}
