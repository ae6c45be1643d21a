"""Where a collected row comes from, for messages: the file, sheet, row and column of an upload, or its number."""

from collections.abc import Iterable

from pipelines.datasets.upload import Upload, list_uploads


class RowPlaces:
    """The places of collected rows.

    Args:
        template: whose uploads are among the rows.
        sources: the `source` of each row, in order; an upload's rows have `<file>:<number>`.
    """

    def __init__(self, template: str, sources: Iterable[object]) -> None:
        self.uploads = {upload.file: upload for upload in list_uploads(template)}
        self.sources = [str(source) for source in sources]

    def find_upload(self, number: int) -> tuple[Upload | None, str]:
        """The upload that a row is from (None if it is from none), and its number there.

        Args:
            number: of the row, from 0.
        """
        file, _, place = (self.sources[number] if number < len(self.sources) else "").rpartition(":")
        return (self.uploads.get(file) if place.isdigit() else None), place

    def name_row(self, number: int) -> str:
        """The place of a row: "sheet.xlsx, sheet Sales, row 7", or "row 12" if it is from no upload."""
        upload, place = self.find_upload(number)
        if upload is None:
            return f"row {number + 1}"
        sheet = f", sheet {upload.sheet}" if upload.sheet else ""
        return f"{upload.file}{sheet}, {upload.unit} {place}"

    def name_column(self, number: int, field: str) -> str:
        """A field of a row as its upload calls it: "topic (column 'Department')"; or the field itself."""
        upload, _ = self.find_upload(number)
        columns = [column["column"] for column in upload.columns if column["field"] == field] if upload else []
        return f"{field} (column '{columns[0]}')" if columns and columns[0] != field else field
