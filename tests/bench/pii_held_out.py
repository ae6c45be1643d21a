"""What the figures are made on. No rule may be fitted to these rows; see `pii_rows`."""

from tests.bench.pii_forms import Half, among, card, phone, pick, routing, spaced, ssn, vin

HELD_OUT = Half(
    {
        "name": among(
            "Angela Morris|Diego Castellanos|Reginald Bishop|Hannah Feldman|Kwame Boateng|Olga Ivanova|Stephen Truong"
            "|Marisol Quintero|Brett Halvorsen|Lakshmi Narayanan|Sean Fitzgerald|Monique Baptiste|Dwight Yancey"
            "|Teresa Lombardi|Phuong Le|Gary Stankiewicz|Amira Khalil|Juanita Flores|Neil Abernathy|Ingrid Solberg"
        ),
        "surname": among("Morris|Castellanos|Bishop|Feldman|Boateng|Halvorsen|Fitzgerald|Baptiste|Lombardi|Khalil"),
        "lowname": among("angela morris|brett halvorsen|juanita flores|gary miller|olga ivanova"),
        "ssn": spaced(
            ssn,
            "###-##-####",
            "###-##-####",
            "### ## ####",
            "#########",
            "### -## -####",
            "###.##.####",
            "###--##--####",
        ),
        "card": [
            *spaced(card("4532", 16), "#### #### #### ####", "####-####-####-####", "################"),
            *spaced(card("5511", 16), "#### #### #### ####", "####.####.####.####", "######## ########"),
            *spaced(card("3782", 15), "#### ###### #####", "####-######-#####"),
            *spaced(card("6011", 16), "#### #### #### ####", "####  #### #### ####"),
        ],
        "phone": spaced(
            phone,
            "(###) ###-####",
            "###-###-####",
            "###.###.####",
            "### ### ####",
            "##########",
            "(###)-###-####",
            "+1 ### ### ####",
            "1 ### ###-####",
            "###-###-#### ext 203",
            "(###) ###.####",
            "###. ###. ####",
        ),
        "email": among(
            "angela.morris@comcast.net|dcastellanos@me.com|Reggie_Bishop@BellSouth.net"
            "|hfeldman+service@proton.me|kboateng@ou.edu"
            "|s.truong@it.truongdental.com|marisolq@prodigy.net.mx|brett-h@halvorsen.farm"
            "|l_narayanan@in.example-corp.com"
            "|fitz1972@att.net|monique @ icloud.com|dyancey@gmail. com|teresa[at]lombardi.it|amira at outlook dot com"
        ),
        "vin": [
            *spaced(
                vin("1C6RR7LT", "5TDDZRFH", "KM8J3CA4", "3VWDX7AJ", "SALWR2RV"),
                "#################",
                "#################",
                "########-#########",
                "### ##### # # # ######",
            ),
            lambda dice: vin("5NPE34AF", "1N4AL3AP")(dice).lower(),
        ],
        "plate": pick("AAA 0000", "000-AAA", "0AAA000", "AAA0000", "00000AA", "A00-AAA", "AA-00-AA", "aaa000"),
        "licence": pick("A0000-00000-00000", "000000000", "A00000000", "00-000-0000", "AA0000000", "000 000 0000"),
        "account": [*pick("900000000", "9000 000 000", "0000 0000 0000"), *spaced(routing, "#########", "####-####-#")],
        "address": among(
            "914 Sycamore Street|2306 Bayshore Drive, Unit 9, Tampa, FL 33611|47 E. Lincoln Ave"
            "|5 Old Post Rd, Rye, NY 10580"
            "|1812 county road 31|11200 NE 8th St #400|630 birch ln|P.O. Box 4417|29 Ridgeview Ct, Apt. 2C"
            "|1500 State Highway 16"
            "|3 Magnolia Pl|876 Saint Charles Avenue, New Orleans, LA 70130"
        ),
        "birth_date": among("06/02/1974|6-2-74|June 2, 1974|1974-06-02|2 Jun 1974|02/06/1974"),
        "income": among("$5,600/month|$71,250|68k|$22 per hour|$1,850 bi-weekly|48,000 a year"),
        "employer": among(
            "Baptist Health|Northrop Grumman|Lombardi Brothers Bakery|City of Tulsa|Costco|the Tulsa World"
        ),
        "part": pick("000-00000", "AA0000", "00000-00A00", "0000000000", "A0000-00000", "00 00 0 000 000"),
        "ro": pick("000000", "R00000", "000-0000"),
        "code": among("P0301|P0442|U0121|C1145-00|B2799"),
        "number17": pick("AAAAA00000AA00000", "0A00AA000000A0000", "AA0000000000000AA"),
        "money": among("$27,490|$459 per month|$1,200 cash|2,995 installed|$49.95"),
        "car": among(
            "Ram 1500 Laramie|Hyundai Tucson|Cadillac Escalade|Mazda Miata|Chevrolet Bolt|Nissan Rogue"
            "|Volvo Cross Country"
            "|Lincoln Town Car|Dodge Charger|Toyota Land Cruiser|Ford Bronco Sport|Mini Cooper"
            "|Buick Park Avenue|Honda Fit"
        ),
        "date": among("09/18/2024|9-18|Sept 18|2024-09-18"),
        "miles": among("88,412|12003|74k|201,330"),
    },
    """
Hello, my name is {name}. My {car} makes a grinding noise. My number is {phone} and my email is {email}.
{phone} is the best number for me, ask for {name}
can u call {lowname} back @ {phone}
Caller: {name}, {phone}. Wants a price on four tires for a {car}.
Name: {name}\\nE-mail: {email}\\nPhone: {phone}\\nBest time: mornings
Dear {name},\\n\\nThank you for your visit on {date}. Reply to {email} with questions.
hi its {lowname} again, the {car} is still leaking
Please send the invoice to {email}. Thanks, {name}
Write me: {email}
Mr. {surname} dropped off keys; Mrs. {surname} will pick up.
Borrower: {name}  SSN: {ssn}  DOB: {birth_date}
SSN {ssn} did not match the bureau file.
customer gave social {ssn} over the phone
The last form has the wrong social security number, it should be {ssn}.
Her date of birth is {birth_date} and her social is {ssn}.
Visa ending soon, new card is {card}, exp 08/28.
He wants the deductible on card {card}.
Here is my credit card number: {card}
Refund {money} to {card} please
VIN {vin}, {miles} miles, customer reports no start.
Please check warranty on {vin}
Trade: {car}, VIN# {vin}, plate {plate}
We found open recall 23V-411 on vin {vin}.
License plate: {plate}
my plates are {plate}
Temp tag {plate} expires {date}.
Driver license no. {licence} verified by {name}.
DL {licence}, state issued, copy in the deal jacket
Account number {account}, routing number {account}, for the down payment.
autopay from checking acct {account}
Employer: {employer}\\nIncome: {income}\\nAddress: {address}
I work for {employer} and my salary is {income}.
Customer works at {employer}; gross monthly income {income}.
Customer's address is {address}.
Please ship the floor mats to {address}.
{name}\\n{address}
We moved to {address} last month, update my file.
Bought by {name} of {address}
Spoke to {name}, who approved the estimate.
Call {name} when the {car} is done: {phone}.
Regards,\\n{name}\\n{email}
Owner {name} states the {car} pulls left.
Part {part} is on order, {money} each; {part} is in stock.
Need two of {part} and one {part} for RO {ro}.
RO {ro}: replaced thermostat, code {code} cleared, {miles} miles.
Codes {code}, {code}; fuel trim +12, 195 F, 2,250 rpm, 13.9 V.
Calibration {number17} installed. Tracking {number17} delivered {date}.
Stock {ro}, {car}, {miles} miles, {money}, arrived {date}.
The {car} costs {money}; the {car} costs {money} more.
Oil 5W-30, 5.7 quarts, filter {part}, drain plug 30 lb-ft, next at {miles} miles.
Lease {money}, 36 months, 10,000 miles a year, due at signing {money}.
Brake rotors 12.6 in, minimum 1.04 in, runout .002; bolts 125 ft-lb.
Invoice {ro} dated {date}: labor 2.4 hours at 165, parts 318.42, tax 41.15.
Hours: Mon-Fri 7-6, Sat 8-4. Express lane, no appointment. Bay 12, lift 3.
The 2021 {car} gets 24 city, 31 highway, 27 combined, 0 to 60 in 6.8 s.
Deal 40418: {money} back, rate 6.24 for 60 months, 58 payments left.
TSB 22-115, revised {date}, covers builds 01/2020 through 11/2021.
Battery 94R, 800 CCA, tested 412, replace. Belt 6PK1548. Bulb H11.
Thank You For Choosing Us. Great Service Every Time. See You Soon.
Front Brake Pads, Rear Shocks, Cabin Air Filter, Wiper Blades: ask about Spring Savings.
""",
)
