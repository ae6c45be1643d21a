"""The errors that a user sees: what is wrong, where, and what to do."""


class WeaverError(Exception):
    """An error that the user can correct; the command line and Airflow show its text unchanged.

    Args:
        what: what is wrong; names the file, row or key.
        remedy: what to do next, as an imperative sentence.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n  → {remedy}" if remedy else what)


class Unavailable(WeaverError):
    """A server cannot be reached: the only error after which a retry without any change may succeed."""
