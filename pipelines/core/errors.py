"""The errors that reach a user: what is wrong, where, and what to do about it."""


class WeaverError(Exception):
    """Something the user can act on; the command line and Airflow show it as it stands.

    Args:
        what: what is wrong, naming the file, row or key.
        remedy: the next thing to do, as an imperative sentence.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n  → {remedy}" if remedy else what)


class Unavailable(WeaverError):
    """A server does not answer: the one error worth trying again by itself."""
