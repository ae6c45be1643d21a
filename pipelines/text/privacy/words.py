"""Words that say what stands beside them: titles, months, particles of names, and what is never a name or a street."""

import re

WORD = re.compile(r"[a-z]+")
MASK = re.compile(r"<[A-Z_]+>")


def words_of(text: str) -> frozenset[str]:
    """The words of a text in lower case, by which most patterns are ruled out; <PHONE> says nothing of what follows."""
    return frozenset(WORD.findall((MASK.sub("", text) if "<" in text else text).lower()))


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


PARTICLES = word_set("de da do dos das del della di du la las le los van von der den bin ibn al el st ter ten e y")
SUFFIXES = word_set("jr sr ii iii iv")
CERTAIN_TITLES = word_set("mr mrs ms mister missus herr frau senora senor monsieur madame mme mlle signor signora")
TITLES = CERTAIN_TITLES | word_set(
    "miss dr prof professor pastor rev reverend rabbi coach capt captain sgt judge officer"
)
# Before "name": "my name is", "the guy's name was".
NAME_OWNERS = word_set(
    "my his her their your the last first middle maiden full real whose guy's lady's customer's owner's"
)
NAME_LABELS = word_set("first last surname forename vorname nachname apellido nombre nom prenom")
ANNOUNCERS = TITLES | NAME_LABELS | {"name"}
MONTHS = word_set("january february march april may june july august september october november december")
SHORT_MONTHS = word_set("jan feb mar apr jun jul aug sep sept oct nov dec")
# Never a name, though the model might think so: what a form, a letter or a car calls things.
NEVER = word_set(
    """
    customer client owner buyer driver applicant manager advisor technician tech salesman dealer dealership service
    sales parts finance warranty department dept team company sir madam mr mrs ms dr miss attn thanks thank regards
    sincerely hello dear please yes no ok the a an i you he she it we they is was are and or of for with this that
    i'm im it's its what who how my your his her our their name names iban vehicle car truck
    guest renter caller agent licence license vin reg receipt plate tag ticket appointment repair estimate invoice
    refuel
    phone email address 您好 你好 谢谢 안녕하세요 감사합니다 こんにちは ありがとう
    dad daddy mom mommy mum mummy mama papa grandma grandpa granny uncle aunt auntie
    danke gracias merci grazie obrigado gruß bonjour hola buongiorno domicilio adresse halloween thanksgiving ramadan
    diem annum rata
    asp reader stalling revving over-revving misfiring severity sonata
    else someone somebody anyone anybody everyone everybody nobody something anything everything nothing
    """
)
COUNTRIES = word_set(
    """
    america argentina australia austria belgium brazil britain canada chile china colombia czechia denmark egypt england
    finland france germany greece hungary india indonesia ireland israel italy japan korea malaysia mexico morocco
    netherlands norway pakistan philippines poland portugal romania russia scotland serbia singapore slovakia slovenia
    spain sweden switzerland taiwan thailand turkey ukraine vietnam wales
    """
)
# What a firm that is named after somebody does, and whose cars it sells: Smith Towing, Jim Koons Ford.
FIRM_KINDS = word_set(
    """
    motors towing automotive auto autos autobody collision glass transmission transmissions upholstery roofing plumbing
    trucking construction logistics landscaping electric excavating realty insurance dental hospital foundation
    elementary academy university college foods farms marine services associates partners holdings industries
    enterprises group bank brothers bros llc inc corp ltd gmbh ag company performance racing motorsports customs
    chevrolet-buick superstore autoplex dealership dealerships
    """
)
FAMILY = word_set("son sons daughter daughters bros brothers co company associates partners family")
MAKES = word_set(
    """
    ford chevrolet chevy toyota honda nissan hyundai kia mazda subaru volkswagen vw bmw mercedes mercedes-benz audi
    lexus acura infiniti cadillac buick gmc dodge chrysler jeep ram volvo mitsubishi
    """
)
DIRECTIONS = word_set("n s e w ne nw se sw north south east west northeast northwest southeast southwest")
# What a town's name may begin with: St. Louis, Fort Wayne.
PLACE_PREFIXES = word_set(
    "st saint san santa santo fort ft mount mt lake port point cape north south east west new las los el"
)
# States of one word, and the codes of states that are no words.
STATES = word_set(
    """
    alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa
    kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska
    nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont wisconsin wyoming ontario alberta quebec
    """
)
STATE_CODES = word_set(
    """
    AK AL AR AZ CA CT DC DE FL GA IA IL KS KY LA MA MD MI MN MO MT NC ND NE NH NJ NM NV NY PA RI SC SD TN TX UT VA VT
    WA WI WV WY AB BC QC
    """
)
