"""Reads the files that captions come in: JSON, tables, and lines, with what is wrong named."""

from __future__ import annotations

import csv
import json
import pathlib
from typing import Any, Callable, Iterator, List, Tuple

from tfgen.data.errors import DataError

__all__ = ["read_json", "read_lines", "read_rows"]

Report = Callable[[str, str], None]

_LONGEST_CELL = 40
"""Lines that one quoted cell of a table may go over."""


def read_json(file: pathlib.Path) -> Any:
    """The content of a JSON file.

    Raises:
      DataError: it is missing, cut off or no JSON; the message says where.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{file} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno} "
            f"(the file has {file.stat().st_size} bytes). Was it copied whole?"
        ) from None
    except FileNotFoundError:
        raise DataError(f"There is no file {file}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read: {error}.") from None


def read_lines(file: pathlib.Path, report: Report) -> List[Tuple[int, str]]:
    """The lines of a UTF-8 file that are not blank, each with its number and its line end.

    A line that is not UTF-8 is reported, by (place, reason), and the others are read.

    Raises:
      DataError: the file cannot be read, or is empty.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {file}.") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}.") from None
    lines = []
    # Not str.splitlines, which also splits at separators that may stand inside a caption.
    for number, line in enumerate(content.replace(b"\r\n", b"\n").split(b"\n"), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").replace("\0", " ")
        except UnicodeDecodeError as error:
            report(f"{file.name}, line {number}", f"is not UTF-8 (byte {error.start + 1})")
            continue
        if text.strip():
            lines.append((number, text + "\n"))
    if not content.strip():
        raise DataError(f"{file} is empty.")
    return lines


def read_rows(
    lines: List[Tuple[int, str]], delimiter: str, columns: int, name: str, report: Report
) -> Iterator[Tuple[int, List[str]]]:
    """The rows of a table with cells that may be quoted, as (line number, cells).

    A quote that is never closed spoils its own line alone, not the rest of the file.

    Args:
      lines: of `read_lines`.
      delimiter: between cells.
      columns: cells that a row has.
      name: of the file, for messages.
      report: gets (place, reason) of the lines that are no rows.
    """
    position = 0
    while position < len(lines):
        number, line = lines[position]
        cells, used, reason = None, 1, "a quote that is not closed"
        while cells is None and used <= _LONGEST_CELL and position + used <= len(lines):
            text = "".join(part for _, part in lines[position : position + used])
            try:
                (cells,) = csv.reader([text], delimiter=delimiter, strict=True)
            except (csv.Error, ValueError) as error:
                if line.count('"') % 2 == 0:
                    reason = f"cells that cannot be read ({error})"
                    break
                used += 1
        if cells is None or len(cells) != columns:
            got = reason if cells is None else f"{len(cells)} cells"
            report(f"{name}, line {number}", f"has {got}, wanted {columns} cells")
            used = 1
        else:
            yield number, cells
        position += used
