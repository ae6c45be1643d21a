"""Documents are read with their headings, tables and pages, and a bad one is an error that says what to do."""

import zipfile
from pathlib import Path

import openpyxl
import pytest

from pipelines.core.errors import WeaverError
from pipelines.knowledge.reading import Block, read_document

from .files import HTML, PAGES, write_docx, write_pdf, write_scan


def read(path: Path, notes: list[str] | None = None) -> list[Block]:
    return list(read_document(path, path.name, [] if notes is None else notes))


def find(blocks: list[Block], words: str) -> Block:
    (block,) = [block for block in blocks if words in block.text]
    return block


def test_a_pdf_keeps_headings_tables_and_pages(tmp_path: Path) -> None:
    blocks = read(write_pdf(tmp_path / "manual.pdf"))
    assert find(blocks, "8 liters") == Block(PAGES[0][1], ("Cooling system",), 1)
    table = find(blocks, "HX-2041-A")
    assert (table.kind, table.headings, table.page) == ("table", ("Cooling system",), 1)
    assert "| Drain plug | 22 Nm | HX-2041-A |" in table.text
    assert find(blocks, "90,000 miles").page == 2
    assert not any("Page 2" in block.text for block in blocks)


def test_a_running_header_is_left_out_and_a_heading_that_repeats_is_not(tmp_path: Path) -> None:
    sections = [(f"{number}. Cooling system", f"Step {number} of the coolant change.", []) for number in range(1, 7)]
    blocks = read(write_pdf(tmp_path / "manual.pdf", sections, running="Harborview Motors"))
    assert [block.headings for block in blocks] == [(heading,) for heading, _, _ in sections]
    assert not any("Harborview" in block.text for block in blocks)


def test_a_scanned_page_is_named_and_a_scan_is_refused(tmp_path: Path) -> None:
    notes: list[str] = []
    assert len(read(write_scan(tmp_path / "mixed.pdf", text_pages=2), notes)) == 2
    assert notes == ["1 pages without a text layer are left out: 3"]
    with pytest.raises(WeaverError, match=r"scan\.pdf holds pictures of text.*\n.*OCR"):
        read(write_scan(tmp_path / "scan.pdf"))


def test_word_keeps_headings_tables_and_numbered_steps(tmp_path: Path) -> None:
    blocks = read(write_docx(tmp_path / "memo.docx"))
    assert find(blocks, "four hours").headings == ("Courtesy cars",)
    assert "| Van | $45 |" in find(blocks, "Fee per day").text
    assert find(blocks, "Check the license").text == "1. Check the license\n2. Note the mileage"


def test_html_is_read_without_scripts_styles_and_navigation(tmp_path: Path) -> None:
    (tmp_path / "warranty.html").write_text(HTML)
    blocks = read(tmp_path / "warranty.html")
    assert blocks[0] == Block("Five years or 60,000 miles, whichever comes first.", ("Warranty",))
    assert find(blocks, "Battery").headings == ("Warranty", "Exclusions")
    assert not any(word in block.text for block in blocks for word in ("track", "color", "Home"))


def test_markdown_and_text(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text(
        "---\nauthor: x\n---\n# Keys\n\nTwo keys.\n\n```\n# no heading\n```\n## Spare\n\nOne.\n"
    )
    assert [(block.text, block.headings) for block in read(tmp_path / "note.md")] == [
        ("Two keys.", ("Keys",)),
        ("# no heading", ("Keys",)),
        ("One.", ("Keys", "Spare")),
    ]
    (tmp_path / "note.txt").write_bytes("Bremsflüssigkeit:\nalle 2 Jahre.\n\nÖl: jährlich.\n".encode("cp1252"))
    assert [block.text for block in read(tmp_path / "note.txt")] == [
        "Bremsflüssigkeit:\nalle 2 Jahre.",
        "Öl: jährlich.",
    ]


def test_every_row_of_a_table_is_a_record(tmp_path: Path) -> None:
    (tmp_path / "parts.csv").write_text("Part No;Description;List Price\nHX-2041;Hose, upper;12.50\nHX-2042;Clamp;\n")
    assert read(tmp_path / "parts.csv") == [
        Block("HX-2041 | description Hose, upper | list price 12.50", ("HX-2041",), kind="record"),
        Block("HX-2042 | description Clamp", ("HX-2042",), kind="record"),
    ]


def test_all_sheets_of_a_workbook_are_read_and_an_empty_one_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Tires"
    for row in (("Size", "Price"), ("205/55 R16", 89), ("225/45 R17", 119)):
        book.active.append(row)
    book.create_sheet("Wheels").append(("Size", "Price"))
    book["Wheels"].append(("17 x 7", 240))
    book.create_sheet("Empty")
    book.save(tmp_path / "prices.xlsx")
    notes: list[str] = []
    assert [(block.text, block.headings) for block in read(tmp_path / "prices.xlsx", notes)] == [
        ("205/55 R16 | price 89", ("Tires", "205/55 R16")),
        ("225/45 R17 | price 119", ("Tires", "225/45 R17")),
        ("17 x 7 | price 240", ("Wheels", "17 x 7")),
    ]
    assert notes == ["sheet Empty is empty"]


def write_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (64 << 20))


def write_empty_workbook(path: Path) -> None:
    openpyxl.Workbook().save(path)


BAD = {
    "broken.pdf": (lambda path: path.write_bytes(b"%PDF-1.7\n1 0 obj\n<<"), "broken.pdf cannot be read"),
    "locked.pdf": (lambda path: write_pdf(path, password="secret"), "locked.pdf is encrypted"),
    "empty.pdf": (lambda path: path.write_bytes(b""), "empty.pdf is empty"),
    "page.pdf": (lambda path: path.write_text("<html>sign in</html>"), "page.pdf is not a .pdf file"),
    "old.docx": (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600), "an old or encrypted Office file"),
    "memo.docx": (lambda path: write_pdf(path), "memo.docx is a .pdf file, despite its name"),
    "bomb.docx": (write_bomb, "unpacks to"),
    "zip.docx": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"), "zip.docx is not a Word document"),
    "empty.xlsx": (write_empty_workbook, "empty.xlsx has no rows"),
    "header.csv": (lambda path: path.write_text("Part No,Price\n"), "header.csv has no rows below its header"),
    "blank.md": (lambda path: path.write_text("\n\n---\n"), "blank.md has no text"),
    "deep.html": (lambda path: path.write_text("<body>" + "<div>" * 20000 + "x"), "deep.html"),
    "binary.txt": (lambda path: path.write_bytes(bytes(range(256)) * 20), "binary.txt is binary"),
    "slides.pptx": (lambda path: path.write_bytes(b"PK\x03\x04"), "documents of this kind are not read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_is_refused_with_its_name_and_a_remedy(tmp_path: Path, name: str) -> None:
    write, message = BAD[name]
    write(tmp_path / name)
    with pytest.raises(WeaverError) as error:
        read(tmp_path / name)
    assert name in error.value.what
    assert message in error.value.what
    assert error.value.remedy
