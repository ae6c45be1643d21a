"""The text of a message that a person typed, out of HTML and without the messages that it quotes."""

import re

BLOCKS = ("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol")
NO_TEXT = ("script", "style", "head", "title", "blockquote", "img", "svg")  # a blockquote is the mail that is answered
MARKUP = re.compile(r"</?(?:p|br|div|span|a|b|i|u|em|strong|ul|ol|li|table|html|body|blockquote|h[1-6]|pre|code|font)\b"
                    r"[^<>]*>|&(?:nbsp|amp|lt|gt|quot|#\d+);", re.IGNORECASE)  # fmt: skip
# What mail programs write above the mail that is answered; all that follows is quoted.
QUOTED = re.compile(
    r"^\s*(?:On\b.{4,200}?\bwrote|Am\b.{4,200}?\bschrieb\b.{0,80}|Le\b.{4,200}?\ba écrit|El\b.{4,200}?\bescribió"
    r"|Em\b.{4,200}?\bescreveu|Il\b.{4,200}?\bha scritto|Op\b.{4,200}?\bschreef\b.{0,80})\s*:\s*$"
    r"|^\s*-{2,}\s*(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine|Mensaje original)"
    r"\s*-{2,}\s*$|^\s*_{20,}\s*$|^\s*##- Please type your reply above this line -##\s*$"
    r"|^From: [^\n]+\n(?:Sent|Date|To): [^\n]+$",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
SIGNATURE = re.compile(r"^(?:-- ?|Sent from my \w+.*|Get Outlook for \w+.*)$", re.MULTILINE)


def html_to_text(html: str) -> str:
    """The text of HTML, its paragraphs in lines of their own; a text without HTML stays as it is."""
    if not MARKUP.search(html):
        return html.strip()
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(re.sub(r"\s*\n\s*", " ", html), "lxml")
    for element in soup(NO_TEXT):
        element.decompose()
    for element in soup("br"):
        element.replace_with("\n")
    for element in soup(BLOCKS):
        element.append("\n")
    lines = [" ".join(line.split()) for line in soup.get_text().split("\n")]
    return re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()


def strip_quotes(text: str) -> str:
    """A mail without the mails below that it answers, their lines with `>`, and the signature."""
    quoted = QUOTED.search(text)
    text = text[: quoted.start()] if quoted else text
    signature = SIGNATURE.search(text)
    text = text[: signature.start()] if signature else text
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">")).strip()
