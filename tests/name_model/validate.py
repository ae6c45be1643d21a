"""Cross-validate the model of names: `python -m tests.name_model.validate`.

For each author of `texts` it trains without that author's texts and prints, at several thresholds, what is found in
them. `names.SURE` is chosen by these figures: what a model is tuned on, it has not learned from.
"""

import json
import tempfile
from pathlib import Path

from pipelines.text.privacy import find_personal_data, name_model, names
from tests.bench import pii
from tests.bench.pii_rows import Labelled
from tests.name_model.train import train
from tests.name_model.written import AUTHORS, read_clean, read_people

THRESHOLDS = (0.0, 0.5, 1.0, 1.5, 2.0)  # log-odds
CACHES = (
    name_model.load_model,
    name_model.describe_word,
    name_model.own_score,
    name_model.side_score,
    name_model.between_score,
    name_model.bigram_score,
)


def use_model(path: Path) -> None:
    """Let the detector read another model."""
    name_model.FILE = path
    for cache in CACHES:
        cache.cache_clear()


def measure(people: list[Labelled], clean: list[str]) -> str:
    """Names found, in all texts and in those without capitals, and how many texts without names were changed."""
    lower = [row for row in people if row.text == row.text.lower()]
    figures = []
    for rows in (people, lower):
        score = pii.score(rows, [[f for f in find_personal_data(row.text) if f.entity == "name"] for row in rows])
        figures.append(f"{score['recall']['name']:.3f} / {score['precision']['name']:.3f}")
    changed = sum(any(f.entity == "name" for f in find_personal_data(text)) for text in clean)
    return f"{figures[0]}, lower case {figures[1]}, {changed} of {len(clean)} changed"


def main() -> None:
    """Print recall and precision by threshold, for each author."""
    others = [tuple(other for other in AUTHORS if other != author) for author in AUTHORS]
    for author, model in zip(AUTHORS, train(*others), strict=True):
        people = [Labelled(text, [("name", *span) for span in spans]) for text, spans in read_people(author)]
        clean = [sentence.text for sentence in read_clean(author)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            path.write_text(json.dumps(model), encoding="utf-8")
            use_model(path)
            for threshold in THRESHOLDS:
                names.SURE = threshold
                print(f"author {author}, threshold {threshold}: {measure(people, clean)}", flush=True)


if __name__ == "__main__":
    main()
