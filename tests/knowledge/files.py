"""Documents as a dealership has them, made here."""

import io
from pathlib import Path

import docx
from fpdf import FPDF
from PIL import Image, ImageDraw

Section = tuple[str, str, list[tuple[str, ...]]]  # heading, paragraph, rows of a table

PAGES: list[Section] = [
    (
        "Cooling system",
        "Drain the coolant into a pan of at least 8 liters. Never open the cap while the engine is hot.",
        [("Bolt", "Torque", "Part number"), ("Drain plug", "22 Nm", "HX-2041-A"), ("Thermostat", "9 Nm", "HX-2042-B")],
    ),
    ("Timing belt", "Replace the timing belt every 90,000 miles, and the tensioner with it.", []),
    ("Glove box", "The cabin filter sits behind the glove box. It takes three minutes to change.", []),
]


def write_pdf(path: Path, sections: list[Section] = PAGES, password: str = "", running: str = "") -> Path:
    """A manual with a section on every page."""
    pdf = FPDF()
    pdf.set_auto_page_break(True, margin=5)
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    for number, (heading, paragraph, rows) in enumerate(sections, 1):
        pdf.add_page()
        line = {"new_x": "LMARGIN", "new_y": "NEXT"}
        if running:
            pdf.set_font("Helvetica", size=8)
            pdf.cell(0, 6, running, **line)
        pdf.set_font("Helvetica", "B", 18)
        pdf.cell(0, 12, heading, **line)
        pdf.set_font("Helvetica", size=11)
        pdf.multi_cell(0, 6, paragraph, **line)
        if rows:
            pdf.ln(4)
            with pdf.table() as table:
                for cells in rows:
                    row = table.row()
                    for cell in cells:
                        row.cell(cell)
        pdf.set_y(-20)
        pdf.set_font("Helvetica", size=8)
        pdf.cell(0, 6, f"Page {number}", **line)
    pdf.output(str(path))
    return path


def write_scan(path: Path, text_pages: int = 0) -> Path:
    """A page that is a picture of text, after pages of text."""
    picture = Image.new("L", (800, 1100), 255)
    ImageDraw.Draw(picture).text((100, 100), "Tensioner bolt: 42 Nm", fill=0)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    pdf = FPDF()
    for number in range(text_pages):
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        pdf.multi_cell(0, 6, f"Step {number + 1}: loosen the lock nut of the tie rod.")
    pdf.add_page()
    pdf.image(buffer, 0, 0, 210, 297)
    pdf.output(str(path))
    return path


def write_docx(path: Path) -> Path:
    """A memo with headings, a table and a list."""
    document = docx.Document()
    document.add_heading("Courtesy cars", 1)
    document.add_paragraph("A courtesy car is lent for repairs that take more than four hours.")
    document.add_heading("Fees", 2)
    table = document.add_table(rows=3, cols=2)
    for row, cells in enumerate([("Class", "Fee per day"), ("Compact", "$19"), ("Van", "$45")]):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    document.add_paragraph("Check the license", style="List Number")
    document.add_paragraph("Note the mileage", style="List Number")
    document.save(str(path))
    return path


HTML = """<!doctype html><html><head><title>Warranty</title>
<style>p {color: red}</style><script>track("visitor")</script></head>
<body><nav><a href="/">Home</a></nav><h1>Warranty</h1>
<p>Five years or <b>60,000 miles</b>, whichever comes first.</p>
<h2>Exclusions</h2><ul><li>Tires</li><li>Wiper blades</li></ul>
<table><tr><th>Part</th><th>Years</th></tr><tr><td>Battery</td><td>8</td></tr></table></body></html>"""
