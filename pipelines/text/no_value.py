"""Values that stand for none: what programs and people write where there is no answer."""

import re
from math import isnan
from typing import Any

# Error cells of any language: #N/A, #REF!, #¡VALOR!, #NOM?; #NV and #N/D are #N/A in German and in Romance languages.
ERROR_CELL = re.compile(r"#(?:N/?A(?: N/A)?|NV|N/[DV]|N/DISP|#+|REF|[^\s#]{2,20}[!?])")
# What databases, pandas, C and people write where there is no value.
NO_VALUES = """
    null, nul, nil, none, nan, -nan, +nan, nat, na, n/a, n.a, n\\a, n-a, nv, <na>, <null>, [null], (null), (none),
    (blank), (empty), (leer), \\n, blank, undefined, unknown, tbd, t.b.d, tba, tbc, todo, to-do, xx, xxx, xxxx,
    -1.#ind, -1.#qnan, 1.#ind, 1.#qnan, 1.#inf, ditto, dito, idem, dto, same, not available, not applicable,
    not answered, no answer, no answer yet, no data, no value, no response, no entry, none given, none listed,
    not known, not specified, not provided, to be determined, to be confirmed, to be announced, to be done, to do,
    to follow, to be added, fill in, coming soon, please advise, left blank, intentionally left blank, as above,
    as below, [object object], loading, see attachment
"""
# The same in the languages of other dealerships, as their exports and people write it.
FOREIGN_NO_VALUES = """
    k.a., k. a., k/a, keine angabe, keine angaben, n.v., n. v., n.a, nicht verfügbar, nicht bekannt, nicht angegeben,
    nicht vorhanden, nicht zutreffend, unbekannt, entfällt, keine daten, s.o., s. o., siehe oben,
    siehe unten, siehe anlage, siehe anhang, folgt, folgt noch, wird nachgereicht,
    n/d, n.d., n. d., nd, s/d, s.d., sin datos, sin dato, sin información, sin respuesta, sin especificar,
    no aplica, no disponible, no especificado, desconocido, por definir, por determinar, ver arriba,
    véase arriba, ver adjunto,
    néant, neant, non disponible, non renseigné, non communiqué, non applicable, non spécifié, inconnu, à définir,
    à déterminer, à compléter, à venir, voir ci-dessus, voir ci-dessous, voir plus haut, voir pièce jointe, s/o,
    n/r, non disponibile, non specificato, non applicabile, sconosciuto, da definire, vedi sopra,
    sem dados, sem informação, sem resposta, não aplicável, não disponível, não informado, desconhecido, a definir,
    ver acima, n.v.t., nvt, niet beschikbaar, niet van toepassing, niet bekend, onbekend, geen, zie boven,
    brak, brak danych, brak odpowiedzi, nie dotyczy, niedostępne, nieznane, jak wyżej, do ustalenia,
    neuvedeno, neznámé, bez údajů, viz výše, veri yok, belirtilmemiş, bilinmiyor, ej tillämpligt, okänt, ukjent, ukendt,
    ei tietoa,
    нет данных, не указано, не указан, не применимо, неизвестно, см. выше, н/д, немає даних, не вказано,
    невідомо, なし, 無し, 無, 不明, 未定, 未記入, 該当なし, 同上, 无, 暂无, 未知, 待定, 不适用, 见上, 無資料,
    해당 없음, 미정, 모름, غير متوفر, غير معروف, לא ידוע, אין נתונים
"""
NO_VALUE = frozenset(" ".join(text.split()) for text in f"{NO_VALUES},{FOREIGN_NO_VALUES}".split(","))
# An answer that is somewhere else.
ELSEWHERE = re.compile(
    r"(?:(?:please|pls|kindly)\s+)?(?:see|refer\s+to|ref|cf|as\s+(?:per|in|stated|mentioned|noted)|same\s+as)\.?:?\s+"
    r"(?:in\s+)?(?:the\s+|my\s+|our\s+)?"
    r"(?:(?:above|below|previous|prior|preceding|earlier|last|next|first|attached|other|same)"
    r"(?:\s+(?:one|row|line|cell|answer|entry|note|notes|question|comment|comments|file|sheet|tab|page|document|email))?"
    r"|(?:row|line|cell|column|page|sheet|tab|answer|question|entry|note|notes|comment|comments|attachment|attachments"
    r"|file|spreadsheet)\s*(?:#|no\.?)?\s*\w{0,6})",
)
ELSEWHERE_CHARS = 50
# A note to write the answer later: "TODO ask parts", "[answer pending]". These are words of data.
LATER = re.compile(r"\W*(?:TODO|TBD|TBA|TBC|FIXME)\b.*", re.DOTALL)
BRACKETED = re.compile(
    r"[\[(<].*\b(?:to be (?:added|answered|confirmed|done|filled)|answer (?:here|pending)|fill in|insert answer)\b"
    r".*[\])>]",
    re.IGNORECASE,
)
PART_SEPARATOR = re.compile(r"[,;:(]\s*|\s+[-\u2013\u2014/]\s+")
PUNCTUATION = re.compile(r"[\W_]+")
SYMBOLS = frozenset("✓✔☑✗✘☒°%$€£½¼¾")  # punctuation that says something


def is_no_value(value: Any) -> bool:
    """Whether a value stands for none: blank, an error cell, `N/A`, `TBD`, a dash, `see above`. 0 and No are values."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return True
    if not isinstance(value, str):
        return False
    text = " ".join(value.split())
    if not text or (PUNCTUATION.fullmatch(text) and not SYMBOLS & set(text)):
        return True
    if ERROR_CELL.fullmatch(text) or LATER.fullmatch(text):
        return True
    if len(text) > ELSEWHERE_CHARS:
        return False
    quoted = text.casefold().strip("*'\" ")
    plain = quoted.rstrip(".!?…。: ").strip("*'\" ")
    bare = plain.strip("()[]<> ")
    if {quoted, plain, bare} & NO_VALUE or ELSEWHERE.fullmatch(bare) or BRACKETED.fullmatch(text):
        return True
    parts = PART_SEPARATOR.split(bare)
    return len(parts) > 1 and all(map(is_no_value, parts))
