"""The fields of a row, and the names that people and programs give to their columns."""

import re
from typing import Any

SYNONYMS = {
    "instruction": ("question", "prompt", "query", "request", "user", "customer_question"),
    "input": ("context", "record", "passage", "background", "document"),
    "output": ("answer", "response", "reply", "completion", "assistant", "target", "chosen"),
    "topic": ("category", "subject", "intent", "department"),
    "source": ("origin", "reference", "url"),
    "key": ("vehicle", "part_number", "stock_number"),
    "kind": (),
    "facts": (),
    "importance": (),
    "group": ("conversation_id", "thread_id", "cluster"),
    "id": ("row_id", "uuid", "ticket_id"),
}
# The same in other languages, of columns of questions and answers.
FOREIGN_SYNONYMS = {
    "instruction": ("frage", "kundenfrage", "pregunta", "domanda", "pergunta", "vraag", "pytanie", "otázka", "soru",
                    "fråga", "spørgsmål", "вопрос", "питання", "質問", "问题", "問題", "질문", "سؤال", "שאלה"),
    "output": ("antwort", "respuesta", "réponse", "reponse", "risposta", "resposta", "antwoord", "odpowiedź", "odpověď",
               "cevap", "svar", "ответ", "відповідь", "回答", "答案", "答え", "답변", "جواب", "תשובה"),
    "topic": ("thema", "kategorie", "tema", "categoría", "catégorie", "sujet", "categoria", "onderwerp", "temat",
              "kategoria", "kategori", "konu", "тема", "категория", "カテゴリ", "类别", "주제"),
}  # fmt: skip
for _field, _names in FOREIGN_SYNONYMS.items():
    SYNONYMS[_field] += _names
FIELD_OF_NAME = {name: field for field, names in SYNONYMS.items() for name in (field, *names)}
# Words that a column's name may contain, and the field that it then probably is; the first that fits.
WORDS = {
    "instruction": (
        "question",
        "prompt",
        "query",
        "concern",
        "complaint",
        "issue",
        "problem",
        "symptom",
        "asked",
        "ask",
        "beanstandung",
        "mangel",
        "queja",
        "falla",
        "plainte",
        "symptôme",
    ),
    "output": (
        "answer",
        "response",
        "reply",
        "resolution",
        "solution",
        "correction",
        "fix",
        "advice",
        "explanation",
        "repair",
        "remedy",
        "arbeit",
        "behebung",
        "maßnahme",
        "lösung",
        "solución",
        "reparación",
        "réparation",
    ),
    "topic": ("topic", "category", "subject", "intent", "label"),
    "input": ("context", "record", "background", "passage"),
}


def normalise_name(column: str) -> str:
    """A column's name in lower case, with underscores: `Customer Question` and `customerQuestion` are the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"\W+", "_", re.sub(r" \(\d+\)$", "", spaced).lower()).strip("_")


def field_of(column: Any) -> str:
    """The field whose name or synonym a column has; empty if none."""
    return FIELD_OF_NAME.get(normalise_name(column), "") if isinstance(column, str) else ""


UNIT = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")  # the unit at the end of a name: `Mileage (mi)`
# What dealer management systems shorten in the names of columns.
ABBREVIATIONS = {
    "n_u": "condition", "ext": "exterior", "int": "interior", "trans": "transmission", "drv": "drive", "yr": "year",
    "qty": "quantity", "desc": "description", "amt": "amount", "hrs": "hours", "loc": "location", "cyl": "cylinders",
    "cust": "customer", "odo": "odometer", "inv": "invoice", "mfg": "manufacturer", "avg": "average",
    "whse": "warehouse",
}  # fmt: skip


def readable_name(column: str) -> str:
    """A column's name as words: `ListPrice` → `list price`, `Ext Color (paint)` → `exterior color`."""
    name = normalise_name(UNIT.sub("", column)) or normalise_name(column)
    return ABBREVIATIONS.get(name) or " ".join(ABBREVIATIONS.get(word, word) for word in name.split("_"))
