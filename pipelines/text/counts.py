"""Numbers of things, as a sentence has them."""


def format_count(count: int, thing: str) -> str:
    """A number of things; the plural ends with s.

    >>> format_count(1, "row"), format_count(0, "training row")
    ('1 row', '0 training rows')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
