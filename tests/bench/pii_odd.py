"""Forms further off, which the rules of `pipelines.text.privacy` are tuned on too: a former held-out half."""

from tests.bench.pii_forms import Half, among, card, phone, pick, routing, spaced, ssn, vin

ODD = Half(
    {
        "name": among(
            "Harold Finch|Jessica Ramirez-Ortiz|Deshawn Pickett|Anh Vo|Carlotta Esposito|Muhammad Iqbal|Eileen O'Hara"
            "|Trevor Lindqvist|Rosalind McAllister|Chidi Eze|Paulo Teixeira|Ewa Wysocka|Sunita Deshpande|Bao Nguyen"
            "|Maribel Santos|Gwendolyn Tate|Igor Shevchenko|Latoya Jefferson|Cooper Vandenberg|François Lemieux"
        ),
        "surname": among("Finch|Pickett|Esposito|Iqbal|O'Hara|Lindqvist|Eze|Wysocka|Tate|Lemieux"),
        "lowname": among("harold finch|maribel santos|latoya jefferson|daniel cooper|karen wright"),
        "ssn": spaced(ssn, "###-##-####", "###/##/####", "### ## ####", "###  ##  ####", "###.## ####", "#####-####"),
        "card": [
            *spaced(card("4", 16), "#### #### #### ####", "####·####·####·####", "#### ####-#### ####"),
            *spaced(card("5200", 16), "####.#### ####.####", "################", "#### / #### / #### / ####"),
            *spaced(card("34", 15), "####-######-#####", "#### ####### ####"),
            *spaced(card("65", 16), "#### - #### - #### - ####", "####-####-########"),
        ],
        "phone": spaced(
            phone,
            "(###) ###-####",
            "### ###.####",
            "[###] ###-####",
            "(###).###.####",
            "###  ###  ####",
            "1.###.###.####",
            "001 ### ### ####",
            "###-###-#### x4471",
            "+1 (###) ###-####",
            "1##########",
            "###_###_####",
            "### . ### . ####",
        ),
        "email": among(
            "harold_finch@finchbooks.com|e.ohara@dot.ca.gov|Trevor.Lindqvist@Gmail.Com|santos1988@live.com.mx"
            "|ewa@wysocka.photography"
            "|c-eze@mail-3.uni.edu|sunita(at)fastmail.com|gtate_at_gmail.com|bao.nguyen@yahoo .com"
            "|info.latoya@jefferson-law.us"
        ),
        "vin": [
            *spaced(
                vin("WAUENAF4", "1GYKNDRS", "JF2SJADC", "2C3CDXHG"),
                "#################",
                "###########-######",
                "#### #### # ########",
                "###.######.########",
                "*#################*",
            ),
        ],
        "plate": pick("000 AAA", "AAA·000", "0AA A00", "A000000", "AAAA 00", "00A-000", "AA 000A"),
        "licence": pick("0000 00 0000", "A-000-000-000", "A 0000000", "AA 00 00 00 A", "000000000"),
        "account": [
            *pick("900 000 000 00", "0009000000", "90000000000000"),
            *spaced(routing, "### ### ###", "#########"),
        ],
        "address": among(
            "3815 Harbor Blvd Suite 110|271 N Cherry Hill Road|14 Wisteria Way, Bend, OR 97701|8 The Green St"
            "|1101 E 52nd Pl"
            "|PO Drawer 88, Laredo, TX 78040|62 Saint Ann's Terrace|4400 Avenue of the Stars|990 Route 17"
            "|2-14 Union Sq|702 s main"
            "|Rural Route 2 Box 45|550 West Van Buren St, 9th floor"
        ),
        "birth_date": among("11.30.1959|2001-6-8|the 4th of July 1976|Dec 25 92|8-9-1944"),
        "income": among("$7,800 a month|$58.5k|44,000/yr|$16.75/hr|$130K per year|2,900 every month"),
        "employer": among(
            "Mercy Hospital|Delta Air Lines|Clark County|Finch & Daughters|Home Depot|the Postal Service"
        ),
        "part": pick("00-0000-0", "A000 000 00 00", "00000AA000", "0000000AA", "000-0000", "AAA-000-00-0000"),
        "ro": pick("00-00000", "00000", "AA0000000"),
        "code": among("P1456|P0128-00|C0035|B1000|U0415-68"),
        "number17": pick("00000000000000000", "AA000000AA0000000", "A0A0A0A0A0A0A0A0A", "aaaaaaaaaaaaa0000"),
        "money": among("$18,750.00|$299 a month|1,499 dollars|$6k trade|$85"),
        "car": among(
            "Ford Explorer Eddie Bauer|Lincoln Navigator|Chrysler Pacifica|Toyota Sienna|Buick LaCrosse"
            "|Nissan Frontier|Kia Carnival"
            "|Honda Ridgeline|Porsche Cayenne|Jaguar XJ Vanden Plas|Subaru Crosstrek|Acura Integra"
            "|Maserati Levante|GMC Sierra Denali"
        ),
        "date": among("12/1/23|2025-06-30|August 14|10.10.2024"),
        "miles": among("33,018|150000|9k|121,950"),
    },
    """
{name} here. When you get a chance call {phone}, otherwise email {email}.
voicemail from {lowname} at {phone}, wants his money back
Caller ID {phone} / {name} / oil leak again
Please update my contact: new cell is {phone}, new mail is {email}
To: {email}\\nFrom: service desk\\n\\nMs. {surname}, the parts for your {car} are in.
{phone} - left message, {date}
my email's {email} pls send the pics of the {car}
Lead from website | {name} | {email} | {phone} | {car}
APPLICANT {name} SSN {ssn} DOB {birth_date} PHONE {phone}
social {ssn} for {name}, run the credit
Please shred: copy of SS card, {ssn}, and DL {licence}
we need your spouse's social security no. too: {ssn}
Deposit of $500 put on {card} (Mastercard).
card# {card} zip 97701
Customer paid by phone, {card}, approved.
use my discover, it's {card}
Recall lookup for {vin}: no open campaigns.
VIN: {vin}\\nPlate: {plate}\\nOdometer: {miles}
Sold unit {vin} to {name} on {date}.
Is {vin} the one with the hail damage?
Loaner out: {car}, plate {plate}, due {date}
The car with license plate {plate} is blocking bay 4.
Test drive form: driver's lic. {licence}, insurance verified
license number {licence} on file, expires {date}
Voided check attached: routing {account} account {account}.
Pull the payment from my savings account, {account}.
Customer grosses {income} at {employer}
Annual income: {income}\\nEmployer: {employer}\\nDate of birth: {birth_date}
Co-applicant is employed by {employer}; salary {income}.
Deliver the {car} to {address} before noon.
billing address {address}
Tow from {address} to the shop.
Garaging address: {address}; phone {phone}
Advisor: {name}. Customer requests {surname} only, no one else.
Thank you,\\n{name}\\nSales Consultant\\n{phone}
Signed, {name}
Good afternoon Mrs. {surname}, the {car} passed inspection.
{name} and {name} both want to be on the title.
Forward the paperwork to {name} in finance.
Cust states {car} shakes at 45 mph; {miles} miles; RO {ro}.
DTC {code} and {code} set at key-on, cleared, returned after 20 min.
P/N {part} replaces {part}, list {money}, qty 3 on shelf 11.
Bin count {date}: 144 of {part}, 12 of {part}.
Serial {number17} stamped on the compressor, part {part}.
Software {number17} loaded, module replied OK in 45 s.
Ref {ro}: the {car} was {money}, now {money} until {date}.
Alignment specs: caster 3.5, camber -0.25, toe 0.10, thrust 0.02. Torque 129 ft-lb.
Loan 72 months, 5.9% APR, {money} down, first payment {date}, total of 72 payments 31,968.
The {car} seats 7, tows 5,000 lb, has 3.6 L V6 and 9 speed automatic, 22 mpg combined.
Open Monday to Friday 7:30 to 6, Saturday 8 to 5, closed Sunday. Dial 0 at the gate.
Order of 2,000 brochures 8.5 x 11 shipped {date}, tracking {number17}.
Filter kits 555-1200 and 555-1300 are back-ordered; use part 555-1100.
Firing order 1-2-7-8-4-5-6-3; timing mark 10 BTDC; idle 650-750 rpm; dwell 28-32.
Tires 275/55R20 113T, DOT 4B08 4DHR 2419, tread 7/32, 6/32, 5/32, 5/32.
Best Regards Motors and Sincerely Used Cars are our two locations.
Dear Valued Customer, Spring Service Special: Synthetic Oil Change {money}.
We work with Capital One, Ally and Chase; the rate depends on term.
It earns 4 stars and makes 280 hp; income tax season deals end {date}.
Plate glass, back plate, pressure plate: tag each with bin 14.
""",
)
