"""What a long start shows: a spinner on a terminal; elsewhere news as lines, and one at least every 30 s."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.text import Text

from pipelines.text.terminal import PlainConsole, styled

SILENCE_SECONDS = 30.0  # after which a line says what is being waited for, where the output is not a terminal


class WaitDisplay:
    """A context that shows what is being waited for, on stderr."""

    def __init__(self, text: str) -> None:
        self.text, self.began, self.stopped = text, time.monotonic(), threading.Event()
        self.console = PlainConsole(stderr=True)
        self.spinner = self.console.status(styled(text)) if self.console.is_terminal else None
        self.printed = self.began
        self.thread = threading.Thread(target=self.repeat, daemon=True)

    def __enter__(self) -> Self:
        if self.spinner:
            self.spinner.start()
        else:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        if self.spinner:
            self.spinner.stop()
        else:
            self.thread.join()

    def update(self, text: str) -> None:
        """Change what is being waited for."""
        self.text = text
        if self.spinner:
            self.spinner.update(styled(f"{text} ({self.elapsed():.0f} s)"))

    def print(self, text: str | Text) -> None:
        """Print a line of news."""
        self.printed = time.monotonic()
        self.console.print(text, highlight=False, soft_wrap=True)

    def elapsed(self) -> float:
        """Seconds since the context was entered."""
        return time.monotonic() - self.began

    def repeat(self) -> None:
        """Print what is being waited for, after every SILENCE_SECONDS without a line."""
        while not self.stopped.wait(min(1.0, SILENCE_SECONDS)):
            if time.monotonic() - self.printed >= SILENCE_SECONDS:
                self.print(f"still {self.text} ({self.elapsed():.0f} s)")
