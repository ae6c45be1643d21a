"""What the rules of `pipelines.text.privacy` are tuned on: counter talk, and letters with applications in them."""

from tests.bench.pii_forms import Half, among, card, phone, pick, routing, spaced, ssn, vin

COUNTER = Half(
    {
        "name": among(
            "James Carter|Maria Gonzalez|Robert O'Neill|Linda Nguyen|Priya Raman|Tyrone Washington"
            "|Svetlana Petrova|Wei Zhang"
            "|Ahmed Hassan|Xochitl Barragán|Tuan Pham|Olumide Bakare|Zbigniew Nowakowski|Keisha Thibodeaux"
            "|Kathleen McBride|Luis de la Cruz|Anne-Marie Dubois|D'Andre Simmons|Brianna Kowalski|Hiroshi Tanaka"
        ),
        "surname": among("Carter|Gonzalez|O'Neill|Nguyen|Raman|Petrova|Hassan|McBride|Kowalski|Tanaka"),
        "ssn": spaced(ssn, "###-##-####", "### ## ####", "#########"),
        "card": [
            *spaced(card("4", 16), "#### #### #### ####", "################"),
            *spaced(card("51", 16), "####-####-####-####"),
            *spaced(card("36", 14), "#### ###### ####"),
            *spaced(card("5412", 16), "####--####--####--####", "####/####/####/####"),
        ],
        "phone": spaced(
            phone,
            "(###) ###-####",
            "###-###-####",
            "##########",
            "### ###-####",
            "(###) ### ####",
            "###\u2013###\u2013####",
            "+1 ###-###-####",
        ),
        "email": among(
            "jcarter@gmail.com|maria.gonzalez@yahoo.com|b_oneill77@hotmail.com|linda@nguyenlaw.net"
            "|p.raman@acme-corp.com|jane@gmail .com|wei [at] example [dot] org|sveta_p@MAIL.RU"
            "|b.k@a.b.state.fl.us"
        ),
        "vin": spaced(
            vin("1HGCM826", "2T1BURHE", "1FTFW1ET"),
            "#################",
            "### ### ### ########",
            "#########-########",
            "#### #### #### #####",
        ),
        "plate": pick(
            "AAA-0000", "AAA 000", "0AAA000", "0AAA 000", "A0A 000", "AA-0000", "0000 AA", "aaa 0000", "aa000a"
        ),
        "licence": pick("A000-0000-0000", "A0000000", "000 000 000"),
        "account": [*pick("900000000000", "9000000000"), *spaced(routing, "#########")],
        "address": among(
            "123 Main St|4521 Oak Ridge Drive, Apt 4B|88 W. 3rd Ave|1420 maple avenue"
            "|77 Peachtree Rd NE, Atlanta, GA 30309|PO Box 1123"
            "|2210 Dr. Martin L. King Avenue|14 S County Rd 220|1 Apple Park Way, Cupertino, CA 95014"
            "|900 US Highway 1|31 Rue Royale Ln #7|5 elm street"
        ),
        "birth_date": among("03/14/1985|1979-11-02|July 4, 1990|4/5/77|1-Jan-1964|Aug 3rd 1988"),
        "income": among("$4,200/mo|$65,000|$85k a year|52000|$18/hr|3,900 a month|$2,150.00 biweekly"),
        "employer": among(
            "Publix Super Markets|Lockheed Martin|Orange County Schools|the City of Orlando|FedEx Ground"
        ),
        "part": pick("00000-AAA-A00", "AA-0000-A", "000-000-0000-A", "00000000"),
        "ro": pick("000000", "00000000"),
        "code": among("P0420|P0171|B1318|U0100"),
        "number17": pick("AAAAAAAAA00000000", "A000AA0000000000A"),
    },
    """
My name is {name} and I'd like to book a service for my 2019 Civic. You can reach me at {phone}.
Customer: {name}\\nPhone: {phone}\\nEmail: {email}\\nAddress: {address}
Hi, I'm {name}. Email me the quote at {email} please.
SSN: {ssn} DOB: {birth_date}
His social security number is {ssn}, the bank needs it for the loan.
Card number {card} exp 09/27 cvv on file
Charge the deposit to my Visa {card}.
2018 Silverado {vin} needs front brakes and a wiper blade.
The loaner is {vin}, clean title.
Please have {name} call the service desk.
Appointment for {name} at 9:30, oil change.
Tell {name} her keys are here.
The owner, {name}, lives at {address}.
Note: client {name} approved the brakes.
Registered to {name}; plate number {plate}.
Met with {name} and {name} about the lease.
SOLD TO: {name}\\n{address}\\n{phone}
NY plates {plate}, parked by the fence
what is the recall status for my tag {plate}
registration: {plate}
VIN {vin} is in for a recall, plate {plate}.
Can you look up {vin}? I think the airbag recall applies.
Driver's license number {licence}, issued in Florida.
DL# {licence}
Routing number {account}, checking account {account}.
Monthly income: {income} Employer: {employer}
I work at {employer}.
Mr. {surname} called about his truck, call back {phone}.
Ship to {address}.
I live at {address}.
Dear Ms. {surname}, your vehicle is ready.
Thanks,\\n{name}\\n{phone}
please text {phone} when its done
The part number is {part} and costs $184.50.
RO {ro} closed at 84,332 miles.
Code {code}: check the catalytic converter, bank 1.
Tracking code {number17} says out for delivery.
The 2012 Honda Civic gets 28 mpg city and 39 mpg highway.
Invoice {ro} total $1,245.00, paid in full on 03/14/2024.
Torque to 80 lb-ft, then 90 degrees. Gap 0.044 in. Firing order 1-3-4-2.
TSB 19-024 covers 2017-2019 models built before 04/2018.
Our Grand Cherokee and Park Avenue inventory is low; the Lincoln Continental sold.
Tire size 225/65R17 102H, load range 1,874 lbs.
""",
)

LETTERS = Half(
    {
        "name": among(
            "Denise Whitfield|Oluwaseun Adeyemi|Guadalupe Villarreal|Kyle Brandvold|Thanh Tran|Fatima Al-Sayed"
            "|Marcus Delacroix"
            "|Siobhan Gallagher|Rajesh Venkataraman|Beatriz Fonseca|Tamika Broussard|Vincent DiNapoli|Grace Kim"
            "|José Ibáñez"
            "|Ngozi Okafor|Walter Krzyzewski|Shaquille Boudreaux|Mei-Ling Chow|Patrick St. Clair|Yolanda R. Pettigrew"
        ),
        "surname": among(
            "Whitfield|Adeyemi|Villarreal|Brandvold|Tran|Al-Sayed|DiNapoli|Venkataraman|Okafor|Krzyzewski"
        ),
        "lowname": among("denise whitfield|kyle johnson|grace kim|patrick murphy|jose garcia"),
        "ssn": spaced(
            ssn, "###.##.####", "### - ## - ####", "###\u2013##\u2013####", "###-## ####", "### ##-####", "#########"
        ),
        "card": [
            *spaced(card("37", 15), "#### ###### #####", "###-############", "###############"),
            *spaced(card("6011", 16), "####.####.####.####", "#### #### ########"),
            *spaced(card("2221", 16), "################", "####  ####  ####  ####"),
            *spaced(card("4", 16), "####_####_####_####", "########-########"),
        ],
        "phone": spaced(
            phone,
            "###.###.####",
            "### ### ####",
            "(###)###-####",
            "1-###-###-####",
            "###/###-####",
            "+1(###) ###.####",
            "###-#######",
            "(###) ###-#### ext. 12",
            "1 (###) ### - ####",
            "### - ### - ####",
            "+1##########",
        ),
        "email": [
            *among(
                "denise.whitfield+cars@outlook.com|KBRANDVOLD@AOL.COM|o.adeyemi@students.ucf.edu"
                "|tran_thanh@sbcglobal.net"
            ),
            *among(
                "m-delacroix@delacroix-and-sons.co|villarreal.g@mail.state.tx.us|fatima@al-sayed.io|x7@q.me"
                "|ygp1961@icloud.com"
            ),
            *among("vdinapoli@verizon,net|rajesh @ gmail.com|siobhan (at) proton (dot) me|tamika.b AT yahoo DOT com"),
        ],
        "vin": [
            *spaced(
                vin("5YJ3E1EA", "WBA8E9G5", "JTDKARFU", "3GCUKREC"),
                "#################",
                "###-#####-#-########",
                "### ##### ## #######",
            ),
            lambda dice: vin("KNDJP3A5", "1C4RJFBG", "4T1BF1FK")(dice).lower(),
        ],
        "plate": pick("AA0 0AA", "000-AAA", "A00 00A", "AA 00000", "AAA0A", "00-AA-00", "aaa0000"),
        "licence": pick("A000-000-00-000-0", "AA000000A", "00000000", "A00-00-0000", "A000 0000 0000", "AAA**AA000A0"),
        "account": [
            *pick("9000 0000 0000", "900-000000-0", "90000000", "9000000000000000"),
            *spaced(routing, "#### #### #", "####-####-#"),
        ],
        "address": among(
            "2207 NW 14th Street, Gainesville, FL 32605|9 Elm Ct.|1650 Martin Luther King Jr Blvd"
            "|305 e jefferson st unit 12"
            "|12847 County Road 466|400 Broadway, Suite 210|P.O. Box 77120, Houston, TX 77215|6 Quail Hollow Ln"
            "|18 Rue Bourbon Street Apt C"
            "|77B Baker Street|1 Infinite Loop, Cupertino, CA 95014|5510 Old Mill Pkwy #204"
        ),
        "birth_date": among("12-25-68|1994/07/30|Sept. 9th, 1971|22 February 1983|02.11.2001|06151990"),
        "income": among("5,150 per month|$112,400.00|91k|$23.50 an hour|$1,100 weekly|6400 a month"),
        "employer": among(
            "Tampa General Hospital|AT&T|the Department of Corrections|Boudreaux & Sons Plumbing|UPS|Kroger"
        ),
        "part": pick("AA0A-00000-AA", "00-00-0-000-000", "0A0000000A", "000 000 00 00", "00000-00000", "90000000"),
        "ro": pick("0000000", "A000000", "9000000000"),
        "code": among("P0300-00|C1201|P219A|U3000-49|B00D5"),
        "number17": pick("AAA00AAAA00AAAA00", "0000AAAA0000AAAAA", "aaaa0000aaaa00000", "A00000000000000AA"),
        "money": among("$24,995|$389/mo|$4,200 off MSRP|32,450 plus tax|$0 down"),
        "car": among(
            "Chevy Tahoe|Mercedes Sprinter|Hyundai Santa Fe|Kia Soul|Dodge Grand Caravan|Ford Maverick"
            "|Jeep Wrangler Sahara"
            "|Lincoln Aviator|Alfa Romeo Giulia|Austin Healey|Pontiac Grand Am|Lotus Elise|Mercury Grand Marquis"
            "|Aston Martin Vantage"
        ),
        "date": among("11/02/2023|2024-01-15|Mar 3, 2022|7/19/24"),
        "miles": among("102,417|48213|61k|7,500"),
    },
    """
hey its {lowname}, my number is {phone} thx
Spoke with {name} re: brake noise. Wants a text at {phone} before any work over $200.
From: {name} <{email}>\\nSubject: trade-in\\n\\nWhat is my {car} worth at {miles} miles?\\n\\nBest regards,\\n{name}
Applicant: {name}\\nDate of birth: {birth_date}\\nSocial: {ssn}\\nDL no: {licence}\\nResidence: {address}
Co-buyer {name}, soc sec # {ssn}, born {birth_date}.
my social is {ssn} and my wife's is {ssn}
Need the SS# for the credit app: {ssn}
{ssn} is the social on the application
She read me her card over the phone: {card}, expires 11/26, code 391.
amex {card} - run it for the balance of $612.40
Payment method on file: {card}
I see two charges on {card} from your store, please refund one.
Vehicle: {car} ({vin}), license plate {plate}, {miles} miles
the vin on the door jamb reads {vin}
{vin} - customer states AC blows warm
Plate number on the loaner is {plate}; tag expires {date}.
Parked in row C, Georgia tag {plate}.
Copy of operator's license attached, {licence}, expires 2027.
Photo ID: driver license {licence}
Refund by ACH to account no. {account} (savings), routing {account}.
Account ending... no, use the full one: {account}, it's the checking account.
Gross income {income}; employed at {employer} for six years.
My salary is {income} before taxes.
She works for {employer}.
Employer: {employer}
Pick up the car at {address} and bring the loaner.
Home address: {address}\\nCell {phone}
Customer moved, new address is {address}.
Mrs. {surname} is waiting in the lounge. Tell Dr. {surname} the parts came in.
Attn: {name}, parts department
Good morning {name}, your {car} is due for service.
Could you have {name} call me? {phone} (cell), {phone} (work)
Send the estimate to {email} or fax it to {phone}
cc {email}; {email}
Reach me anytime - {email} / {phone} - {name}
Sincerely yours,\\n\\n{name}\\nFleet manager
Title is in the name of {name}, {address}.
Customer {name} declined the alignment on RO {ro}.
Insured's name: {name}. Claim {ro}. Adjuster's phone {phone}.
The buyer, {name}, was born {birth_date} and signed at {address}.
Superseded by {part}; dealer cost {money}, two in stock.
Special order part # {part}, core charge $75, bin 12-B.
Order {ro} shipped, tracking {number17}.
Calibration ID {number17} flashed to the PCM, checksum 4F2A.
Engine serial {number17}, built {date}.
Stored {code} with freeze frame at 2,350 rpm and 212 F; cleared, test drove {miles} miles.
Stock number {ro}: {car}, {miles} miles, {money}.
Work order {ro} opened {date} 09:15, promised {date} 17:00.
The {car} is {money} through {date}, 4.9% for 72 months.
Compare the {car} with the {car} for towing: 7,700 lb against 5,000 lb.
Next oil change at {miles} miles or on {date}, whichever is first. Use 0W-20, 4.6 quarts.
Skid plate kit fits 2016-2023 models; order 2 and tag the box for bay 3.
It makes 310 hp at 6,500 rpm and earns 5 stars. The 4 wheel drive model has a 2 speed transfer case.
Bulletin 21-NA-143 replaces 20-NA-088. See section 303-01 and document 5641208.
This is Great news, thanks again! Best Buy has the dash cam for {money}.
Head bolts: 22 ft lb, 90 degrees, 90 degrees. Clearance .0015-.0025. Firing order 1-8-7-2-6-5-4-3.
Warranty expires {date} or 36,000 miles. Hours 7:30-18:00, Sat 8-4. Room 214, ext 4471.
Batch 555-0199-22 of filters, lot 2024061500123, UPC 036000291452.
Parts counter is across from Service Drive 3, next to the Austin Street entrance.
The alternator output is 13.8 V, battery 640 CCA, ground strap 0.2 ohm, run 5 min.
Grand Touring, Limited, Big Horn, King Ranch and High Country trims get the larger screen.
""",
)
