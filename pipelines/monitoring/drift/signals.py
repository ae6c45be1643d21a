"""How two samples of one thing differ: an effect that can be too small to matter, and a p-value that can be chance.

A signal needs both (`decision.judge`): of ten thousand requests every difference is significant, and of thirty every
one is large. Effects are by Evidently: the Wasserstein distance in standard deviations of the reference, of which 0.2
is the field's "small" (Cohen), and the population stability index, of which 0.1 is the field's "moderate". P-values are
of two samples. Evidently's chi-square takes the reference's shares for exact, and calls a rare word that the reference
happens not to hold impossible; so categories are tested by scipy's, the rare ones as one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.core.artifacts import Signal, SignalKind
from pipelines.core.plan import Drift

MIN_VALUES = 20  # values per side; fewer make no signal
MIN_EXPECTED = (
    5  # rows of a category, on the smaller side; what is rarer counts as one: the rule of thumb of chi-square
)
RARE = "(rare)"


def compare_numbers(name: str, kind: SignalKind, reference: Any, current: Any, policy: Drift) -> Signal | None:
    """Two samples of a number: Wasserstein distance, and the p-value of Kolmogorov and Smirnov."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import ks_stat_test, wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    before, now = (pd.Series(np.asarray(side, float)).dropna() for side in (reference, current))
    if min(len(before), len(now)) < MIN_VALUES:
        return None
    distance, p_value = (
        float(test.func(before, now, ColumnType.Numerical, 0.0)[0]) for test in (wasserstein_stat_test, ks_stat_test)
    )
    return Signal(
        name=name,
        kind=kind,
        statistic="wasserstein",
        value=round(distance, 4),
        threshold=policy.min_distance,
        p_value=p_value,
        reference=len(before),
        current=len(now),
        note=f"mean {before.mean():.4g} → {now.mean():.4g}",
    )


def compare_categories(
    name: str, kind: SignalKind, reference: Sequence[str], current: Sequence[str], policy: Drift
) -> Signal | None:
    """Two samples of a category: population stability index, and the p-value of chi-square, rare ones taken as one."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import psi_stat_test
    from evidently.legacy.core import ColumnType
    from scipy.stats import chi2_contingency

    if min(len(reference), len(current)) < MIN_VALUES:
        return None
    before, now = Counter(reference), Counter(current)
    smaller = min(len(reference), len(current)) / (len(reference) + len(current))
    frequent = {value for value, rows in (before + now).items() if rows * smaller >= MIN_EXPECTED}
    sides = [[value if value in frequent else RARE for value in side] for side in (reference, current)]
    values = sorted({*sides[0], *sides[1]})
    if len(values) < 2:
        return None
    old, new = map(Counter, sides)
    table = [[counts[value] for value in values] for counts in (old, new)]
    psi = psi_stat_test.func(pd.Series(sides[0]), pd.Series(sides[1]), ColumnType.Categorical, 0.0)[0]
    most = max(values, key=lambda value: abs(old[value] / len(reference) - new[value] / len(current)))
    return Signal(
        name=name,
        kind=kind,
        statistic="psi",
        value=round(float(psi), 4),
        threshold=policy.min_psi,
        p_value=float(chi2_contingency(table).pvalue),
        reference=len(reference),
        current=len(current),
        note=f"{most} {old[most] / len(reference):.0%} → {new[most] / len(current):.0%}",
    )


def compare_shares(
    name: str, kind: SignalKind, reference: Sequence[bool], current: Sequence[bool], policy: Drift, example: str = ""
) -> Signal | None:
    """How much more often something is the case: the rise of its share, and Fisher's exact p-value, one-sided."""
    from scipy.stats import fisher_exact

    before, now = int(sum(reference)), int(sum(current))
    if min(len(reference), len(current)) < MIN_VALUES:
        return None
    old, new = before / len(reference), now / len(current)
    table = [[now, len(current) - now], [before, len(reference) - before]]
    return Signal(
        name=name,
        kind=kind,
        statistic="share",
        value=round(new - old, 4),
        threshold=policy.quality_drop if kind == "quality" else policy.min_share,
        p_value=float(fisher_exact(table, alternative="greater").pvalue),
        reference=len(reference),
        current=len(current),
        note=f"{old:.1%} → {new:.1%}" + (f", as in: {example}" if example else ""),
    )


def compare_columns(reference: Any, current: Any, policy: Drift, kind: SignalKind = "tabular") -> list[Signal]:
    """The columns that two data frames share: numbers as numbers, texts of few values as categories.

    A column of names, whose values hardly ever repeat, has no distribution to compare: it makes no signal.
    """
    compared: list[Signal | None] = []
    for name in (column for column in reference.columns if column in current.columns):
        before, now = reference[name].dropna(), current[name].dropna()
        if is_numeric(before) and is_numeric(now):
            compared.append(compare_numbers(name, kind, before, now, policy))
        elif is_categorical(before):
            compared.append(
                compare_categories(name, kind, before.astype(str).tolist(), now.astype(str).tolist(), policy)
            )
    return [signal for signal in compared if signal]


def is_numeric(values: Any) -> bool:
    """Whether a column holds numbers."""
    return values.dtype.kind in "iuf"


def is_categorical(values: Any) -> bool:
    """Texts or flags that repeat, ten times each on average."""
    return len(values) > 0 and not is_numeric(values) and 10 * values.nunique() <= len(values)
