"""Questions as different people put them: polite, hurried, chatty, in fragments, misspelt, in lower case.

A field of a record brings terms for itself (`city mileage`) and whole questions that only it can be asked by; who asks,
and in which mood, is drawn here. `{it}` stands for the subject.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.kits.perturbations import typos


class Wording(NamedTuple):
    """How one thing is asked for."""

    terms: tuple[str, ...]  # noun phrases without an article
    asks: tuple[str, ...] = ()  # whole questions


SENTENCES = (
    "What is the {term} of {it}?",
    "What's the {term} on {it}?",
    "What {term} does {it} have?",
    "What does it say under {term}?",
    "What is written there for {term}?",
    "Could you tell me the {term} for {it}, please?",
    "Do you have the {term} for {it}?",
    "I need the {term} of {it}.",
    "I'd like to know the {term} of {it}.",
    "Can you look up the {term} of {it}?",
    "Please read me the {term}.",
    "Would you mind giving me the {term} of {it}?",
    "Let me know the {term} for {it}.",
    "Can you find the {term}?",
    "I have to fill in the {term} of {it}.",
    "I can't find the {term} anywhere, what is it?",
    "We are missing the {term} of {it} on the form.",
    "Somebody is asking me for the {term} of {it}.",
    "Which {term} do we have for {it}?",
    "Any idea what the {term} is?",
    "Remind me, what was the {term} of {it}?",
    "Tell me the {term}.",
    "Is there a {term} given for {it}?",
    "What am I looking at for {term}?",
)
FRAGMENTS = (
    "{term}?",
    "{term}",
    "{term}??",
    "{term} pls",
    "{term} please",
    "{term} {model}",
    "{model} {term}?",
    "{model} {term}",
    "{model}, {term}",
    "{term} on {it}",
    "{term} of {it}?",
    "{term} for {it} plz",
    "whats the {term}",
    "whats {it} {term}",
    "need {term}",
    "need the {term} on {it} asap",
    "give me the {term}",
    "gimme {term} real quick",
    "{it} - {term}?",
    "and the {term}?",
    "just the {term}",
    "only the {term} of {it}",
    "check {term}",
    "{term} = ?",
    "so {term} is what",
    "got the {term} for {it}?",
    "looking for {term}",
    "{term}, thats all i need",
)
OPENERS = (
    "Hi,",
    "Hello!",
    "Good afternoon.",
    "Hey,",
    "hey there,",
    "ok so",
    "Sorry, me again.",
    "Quick one:",
    "Morning!",
    "Got a lady at the desk.",
    "I have a caller on hold.",
    "My manager wants to know.",
    "The customer would like to know:",
    "I have {it} on the lift.",
    "We just took {it} in.",
    "Writing up the ticket for {it}.",
    "He keeps asking.",
    "I bet my colleague a coffee on this.",
    "My son wants to buy {it}.",
    "I don't know much about cars.",
    "Before I call the owner back:",
    "Tech wants to know,",
    "Need this for the insurance.",
    "It's about {it}.",
    "lol ok,",
    "um",
    "New guy here,",
    "First day on the job, be nice.",
    "For the estimate:",
    "Somebody spilled coffee on the window sticker.",
    "Dad says I should ask you.",
    "The wife drives {it}.",
    "I was told to ask here.",
)
CLOSERS = (
    "Thanks!",
    "thank you",
    "thx",
    "Thank you very much.",
    "He is in a hurry.",
    "I forgot my glasses.",
    "It's for the paperwork.",
    "Much appreciated.",
    "I want to be sure before I order.",
    "she is waiting",
    "Nothing else.",
    "asap",
    "if you don't mind",
    "No rush.",
    "I keep forgetting.",
    "so I can close the ticket",
    "we had an argument about it",
    "cheers",
    "The brochure is gone.",
    "It has to be right this time.",
)
VOWELS = re.compile(r"(?<=[bcdfghjklmnpqrstvwxz])[aeiou](?=[bcdfghjklmnpqrstvwxz]{1,2}[a-z])")


def ask(wording: Wording, names: Sequence[str], rng: random.Random, subject: str = "") -> str:
    """A question in the words of somebody.

    Args:
        names: the subject, as people may call it: `this car`, `the Civic`; the last one without an article.
        subject: what an opening speaks of; one of the names if not given.
    """
    it, model = rng.choice(names[:-1] or names), names[-1]
    term = rng.choice(wording.terms)
    if wording.asks and rng.random() < 0.55:
        text = rng.choice(wording.asks)
    else:
        text = rng.choice(FRAGMENTS if rng.random() < 0.5 else SENTENCES)
    text = text.format(term=term, it=it, model=model)
    if rng.random() < 0.28:
        text = f"{rng.choice(OPENERS).format(it=subject or it)} {text}"
    if rng.random() < 0.16:
        text = f"{text} {rng.choice(CLOSERS)}"
    return roughen(text[0].upper() + text[1:] if text[-1] in ".?" else text, rng)


def roughen(text: str, rng: random.Random) -> str:
    """The text as it may be typed: in lower or upper case, without punctuation, with mistakes; often as it is."""
    if rng.random() < 0.2:
        text = misspell(text, rng)
    if rng.random() < 0.4:
        text = text.lower()
    if rng.random() < 0.25:
        text = text.rstrip("?!. ").replace(",", "").replace("'", "")
    return text.upper() if rng.random() < 0.03 else text


def misspell(text: str, rng: random.Random) -> str:
    """One or two mistakes of typing: letters swapped, a vowel left out, a letter doubled."""
    mistake = rng.random()
    if mistake < 0.5:
        return typos(text, rng)
    places = [match.start() for match in VOWELS.finditer(text)]
    if not places:
        return text
    at = rng.choice(places)
    return text[:at] + text[at + 1 :] if mistake < 0.8 else text[: at + 2] + text[at + 1 :]
