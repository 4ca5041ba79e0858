"""Turns a JSON array of records into CSV, and CSV into a JSON array of records (RFC 4180)."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any, Literal

from sluicebox_sdk import Event, Message, Outcome, emit, reject, setting, transform


@dataclass
class Settings:
    """The plugin's `config` in the hub file."""

    to: Literal["csv", "json"] = setting(doc="What the body becomes.")
    rows: str | None = setting(None, doc="Where the records are in a JSON body: a path of members, as `data.items`; without it, the body.")
    columns: list[str] = setting([], doc="The columns, in this order: others are left out. None: all, in the order in which they are met.")
    delimiter: str = setting(",", min_len=1, max_len=1, doc="Between two values.")
    header: bool = setting(True, doc="Whether the first line of the CSV has the names of the columns.")
    numbers: bool = setting(False, doc="Whether values that are numbers of JSON become numbers; else all are texts.")
    formulas: Literal["escape", "keep"] = setting(
        "escape", doc="What becomes of texts that a spreadsheet would execute: a ' before them, or nothing."
    )


@transform
def csv_rows(event: Event, settings: Settings) -> Outcome:
    """The same rows in the other form."""
    if settings.delimiter in '"\r\n':
        reject("invalid-config", "delimiter: neither a quote nor an end of a line separates values")
    if settings.to == "csv":
        body = to_csv(records(event.json(), settings.rows), settings)
        return emit(Message(body.encode(), content_type="text/csv; charset=utf-8"))
    return emit(Message.json(from_csv(event.text().removeprefix("\ufeff"), settings)))


def records(body: Any, path: str | None) -> list[dict[str, Any]]:
    """The records of a JSON body; a single one counts as a list of it."""
    for name in path.split(".") if path else []:
        body = body.get(name) if isinstance(body, dict) else None
    found = [body] if isinstance(body, dict) else body
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        reject("no-records", f"{path or 'the body'} is no list of objects")
    return found


def to_csv(records: list[dict[str, Any]], settings: Settings) -> str:
    """Lines that end in CRLF, as RFC 4180 has them."""
    columns = settings.columns or list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=settings.delimiter)
    if settings.header:
        writer.writerow(cell(column, settings) for column in columns)
    writer.writerows([cell(record.get(column), settings) for column in columns] for record in records)
    return text.getvalue()


def cell(value: Any, settings: Settings) -> str:
    """A text as it is, nothing for null, anything else as JSON."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # OWASP, CSV injection: a cell that begins so is a formula to Excel and its like.
    is_formula = settings.formulas == "escape" and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value


def from_csv(text: str, settings: Settings) -> list[dict[str, Any]]:
    """A record for each line that has a value."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=settings.delimiter, strict=True)
    try:
        lines = [(reader.line_num, line) for line in reader if line]
    except csv.Error as error:
        reject("invalid-csv", f"line {reader.line_num}: {error}")
    columns = settings.columns
    if settings.header:
        names = lines.pop(0)[1] if lines else []
        if len(set(names)) < len(names):
            reject("invalid-csv", "line 1: two columns have the same name")
    else:
        names = columns or [str(at + 1) for at in range(max((len(line) for _, line in lines), default=0))]
    for number, line in lines:
        if len(line) > len(names):
            reject("invalid-csv", f"line {number}: {len(line)} values for {len(names)} columns")
    wanted = set(columns or names)
    # A short line has no values for the last columns.
    pairs = ([(name, value) for name, value in zip(names, line) if name in wanted] for _, line in lines)
    return [{name: read(value, settings) for name, value in row} for row in pairs]


def read(text: str, settings: Settings) -> Any:
    """A number where that is wanted and JSON would write it the same way, so that no zero or digit is lost."""
    if not settings.numbers:
        return text
    try:
        number = json.loads(text)
    except ValueError:
        return text
    return number if type(number) in (int, float) and json.dumps(number) == text else text
