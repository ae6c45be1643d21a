"""How people ask about trouble codes. {it} is the code, as they write it."""

from pipelines.kits.automotive.records.phrasing import Wording

WORDINGS = {
    "meaning": Wording(
        ("meaning", "definition", "explanation", "description"),
        (
            "what is {it}", "what's {it}", "whats {it} mean", "What does {it} mean?", "{it}?", "{it}", "{it} ??", "code {it}",
            "got a {it}", "scanner says {it}", "{it} came up", "what does {it} stand for", "what is the car trying to say with {it}",
            "can you explain {it} in simple words", "In plain English, what is {it}?", "what on earth is {it}",
            "My scanner reads {it}. What is that?", "the computer says {it}, meaning?", "{it} what is that", "explain {it}",
            "please describe {it}", "I have {it} stored, what fault is it?", "what system is {it}", "which part of the car is {it} about",
            "So what is wrong if it says {it}?", "tell me about {it}", "{it} - what do i tell the customer it is",
            "what is the problem with {it}", "reader shows {it} and nothing else", "{it} popped up again", "anyone know {it}",
            "How do I explain {it} to my wife?", "need the meaning of {it} for the repair order", "what kind of fault is {it}",
            "the tester printed {it}", "what happened if {it} is stored", "{it} in words please",
        ),
    ),
    "urgency": Wording(
        ("urgency", "severity", "priority"),
        (
            "is {it} urgent", "How urgent is {it}?", "how bad is {it}", "How serious is {it}?", "can I drive with {it}",
            "is it safe to drive with {it}", "can it wait, {it}", "can {it} wait until next month", "do i have to fix {it} right away",
            "Can I still take a road trip with {it}?", "how soon should {it} be repaired", "How long can I put off {it}?",
            "{it}: stop or keep going", "is {it} dangerous", "do I need a tow for {it}", "should I be worried about {it}",
            "what happens if i ignore {it}", "how quick do I need to come in with {it}", "is {it} a big deal",
            "The owner wants to wait with {it}. Your advice?", "{it} urgent?", "{it} how bad", "{it} - can she drive home",
            "when should {it} be looked at", "will {it} leave me stranded", "ok to drive to work with {it}?",
            "money is tight, can {it} be done in spring", "is {it} something for today or for some day",
            "she leaves on vacation tomorrow with {it}, ok or not", "Does {it} need attention now?", "keep driving with {it}?",
            "next week good enough for {it}?", "how severe is {it}", "does {it} have to be fixed at all",
        ),
    ),
    "cause": Wording(
        ("likely cause", "most likely cause", "usual cause", "common reason", "usual suspect"),
        (
            "what causes {it}", "What usually causes {it}?", "why do I have {it}", "why would a car throw {it}", "cause of {it}",
            "what is usually behind {it}", "likely culprit for {it}", "What is the most likely cause of {it}?", "{it} cause?",
            "{it} likely cause", "what part fails with {it}", "which part is bad with {it}", "what triggers {it}", "where does {it} come from",
            "what normally breaks when you see {it}", "Most common reason for {it}?", "{it}, what do you suspect",
            "what did I do to get {it}", "what is to blame for {it}", "what goes wrong to set {it}", "reason for {it}",
            "in your experience what is it when {it} is set", "nine times out of ten {it} is what", "what makes the light come on with {it}",
            "whats it usually with {it}", "what would you bet on with {it}", "why does {it} keep coming back",
            "root cause {it}", "what sets off {it}", "how does one get {it}", "what failed if it stores {it}",
        ),
    ),
    "check": Wording(
        ("first check", "recommended check", "first test", "thing to check first"),
        (
            "what should I check for {it}", "What do I check first with {it}?", "first check for {it}", "where do I start with {it}",
            "how do you diagnose {it}", "how do i test for {it}", "{it} what to look at", "what to look at first on {it}",
            "what do you inspect for {it}", "Before I buy parts for {it}, what should I check?", "how can I confirm {it}",
            "how would a tech track down {it}", "{it} check?", "{it} first step", "troubleshooting {it}, where to begin",
            "is there an easy test for {it}", "what can I try at home for {it}", "recommended check for {it}",
            "what does the book say to check for {it}", "what should the tech do first on {it}", "how to verify {it}",
            "give me a starting point on {it}", "diag steps for {it}", "The car with {it} is on the lift, what now?",
            "What test comes before replacing anything for {it}?", "any quick check for {it}", "what do I rule out first with {it}",
            "apprentice here, {it}, what do i examine", "how do you pin down {it}", "what to measure for {it}",
        ),
    ),
}  # fmt: skip

NOT_RECORDED = Wording(
    ("repair cost", "labor time", "part number", "price of the part", "recall", "warranty coverage", "wiring color", "pinout"),
    (
        "what does it cost to fix {it}", "how much to repair {it}", "how many hours of labor for {it}", "part number for {it}",
        "is {it} covered by warranty", "is there a recall for {it}", "price of the part for {it}", "how do i clear {it}",
        "how many miles until {it} comes back", "which wire color is it for {it}", "when did {it} first appear on my car",
        "who can fix {it} near me", "do you have a loaner while you fix {it}", "can you fix {it} on saturday",
        "what did the last shop do about {it}", "torque spec for the sensor of {it}", "what voltage on pin 3 for {it}",
        "how long does the repair of {it} take", "quote for {it} please", "how many of these {it} have you seen this month",
        "which bulletin number is out for {it}", "does my extended warranty pay for {it}", "part price {it}?",
    ),
)  # fmt: skip

SYMPTOMS = (
    "Rough idle since Monday.", "Check engine light on.", "light came on after I filled up", "No power uphill.", "It smells of fuel.",
    "customer says it drives fine", "it shakes a bit at idle", "hard to start in the morning", "92k miles on it",
    "The light was off for a week and is back.", "gas mileage got worse", "happened right after an oil change", "only when cold",
    "Bought it used last month.", "stalls at stop signs", "it's a rental", "new battery last week", "it went into limp mode once",
    "I'm at a gas station.", "Inspection is due.", "my mechanic is on vacation", "autozone read it for me", "runs like a top otherwise",
    "on the pickup in bay 3", "two owners, no history", "the owner is furious", "light on and off", "it died on me twice",
)  # fmt: skip
