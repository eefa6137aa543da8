"""`tfgen compress` and `tfgen decompress`: pictures in fewer bytes, and back to the last bit.

TensorFlow is imported inside the functions alone, as in `recipes.cli.commands`.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import List, Optional, Sequence

from recipes.cli import catalogue, commands, paths
from recipes.cli.errors import UserError

__all__ = ["add_codec_commands", "compress", "decompress", "report_lines"]

_SIGNATURE = "coding_table_0"


def add_codec_commands(add) -> None:
    """Declares both subcommands.

    Args:
      add: (name, function, summary) -> the subcommand's parser.
    """
    child = add("compress", compress, "Compress pictures losslessly with a model's probabilities.")
    child.add_argument("path", metavar="EXPORT", help="one with exact probabilities of pixels")
    child.add_argument("inputs", nargs="+", metavar="INPUT", help="picture files, or folders")
    child.add_argument("--output", required=True, metavar="FILE")
    child.add_argument("--block", type=int, help="tiles that the model is given at once")
    child.add_argument(
        "--check", action="store_true", help="decode it again and compare before it is written"
    )
    child.add_argument("--report", metavar="FILE.json", help="write the numbers here too")

    child = add("decompress", decompress, "Write the pictures of a compressed file as PNG.")
    child.add_argument("file", metavar="FILE", help="what 'tfgen compress' wrote")
    child.add_argument("--output", required=True, metavar="DIR")
    child.add_argument("--export", metavar="EXPORT", help="where the model is, if not found here")
    child.add_argument("--overwrite", action="store_true", help="replace pictures that exist")


def compress(arguments: argparse.Namespace) -> None:
    """Writes one file of all pictures, and prints what it is worth.

    Raises:
      UserError: there are no pictures, or the export codes none; names those that do.
    """
    output = pathlib.Path(arguments.output)
    if output.is_dir():
        raise UserError(f"--output {output} is a directory; name a file in it.")
    if arguments.block is not None and arguments.block < 1:
        raise UserError(f"--block must be 1 or more; got {arguments.block}.")
    export = paths.find_export(arguments.path)
    inputs = _picture_paths(arguments.inputs)
    commands.quiet_tensorflow()
    from tfgen import codec, serving

    card = serving.Card.read(export)
    if not codec.can_code(card):
        raise UserError(f"{codec.why_not(card)} Exports that can: {_able()}.")
    model = serving.load(export)
    report = codec.compress(
        model, inputs, output, arguments.block, arguments.check, progress=_Progress()
    )
    numbers = report.as_dict()
    print(f"Wrote {output} with {export}.")
    print("\n".join(report_lines(numbers)))
    if arguments.report:
        file = pathlib.Path(arguments.report)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


def decompress(arguments: argparse.Namespace) -> None:
    """Writes all pictures of a file, or none.

    Raises:
      UserError: the export that the file was made with is not here.
    """
    source = pathlib.Path(arguments.file)
    commands.quiet_tensorflow()
    from tfgen import codec, serving

    file = codec.read_file(source)
    if arguments.export:
        export: Optional[pathlib.Path] = paths.find_export(arguments.export)
    else:
        export = _export_of(file)
    model = serving.load(export)
    start = time.perf_counter()
    try:
        written = codec.decompress(
            model, file, arguments.output, arguments.overwrite, progress=_Progress()
        )
    except FileExistsError as error:
        raise UserError(f"{error} Add --overwrite, or name another --output.") from None
    seconds = time.perf_counter() - start
    print(f"Wrote {len(written)} pictures to {arguments.output} in {seconds:.1f} s, with {export}.")


def report_lines(numbers) -> List[str]:
    """A report's numbers for a person."""
    webp = numbers["webp_bytes"]
    rows = [
        ("pictures", f"{numbers['images']}, in {numbers['tiles']} tiles"),
        ("pixels", f"{numbers['raw_bytes']} bytes"),
        ("this file", f"{numbers['file_bytes']} bytes, {numbers['bits_per_dim']:.4f} bits/dim"),
        (
            "code alone",
            f"{numbers['code_bytes']} bytes; the model says {numbers['model_bytes']:.0f} "
            f"({100 * numbers['overhead']:+.2f} %)",
        ),
        ("PNG", f"{numbers['png_bytes']} bytes ({_less(numbers['less_than_png'])})"),
        (
            "lossless WebP",
            "too large for it"
            if webp is None
            else f"{webp} bytes ({_less(numbers['less_than_webp'])})",
        ),
    ]
    for name in ("encode", "decode"):
        seconds = numbers[f"{name}_seconds"]
        if seconds is not None:
            speed = numbers[f"{name}_images_per_second"]
            rows.append((name, f"{seconds:.1f} s, {speed:.2f} pictures/s"))
    width = max(len(name) for name, _ in rows)
    return [f"  {name.ljust(width)}  {text}" for name, text in rows]


def _less(share: float) -> str:
    return f"this file is {abs(100 * share):.1f} % {'smaller' if share >= 0 else 'larger'}"


def _picture_paths(names: Sequence[str]) -> List[pathlib.Path]:
    """All files, those of a folder in order."""
    found: List[pathlib.Path] = []
    for name in names:
        path = pathlib.Path(name)
        if path.is_dir():
            from tfgen.data import image_names

            found += [path / file for file in image_names(path)]
        elif path.exists():
            found.append(path)
        else:
            raise UserError(f"There is no picture '{name}'.")
    return found


def _able() -> str:
    return ", ".join(map(str, catalogue.find_exports_with(_SIGNATURE))) or "none of those here"


def _export_of(file) -> pathlib.Path:
    """The export that a file was made with, among those that 'tfgen list' shows."""
    from tfgen import codec, serving

    for path in catalogue.find_exports_with(_SIGNATURE):
        if codec.identity(serving.Card.read(path)) == file.export["sha256"]:
            return path
    raise UserError(
        f"The file was made with {file.export['name']} version {file.export['version']} (SHA-256 "
        f"{file.export['sha256'][:12]}...), which is not among the exports here "
        f"({_able()}). Say where it is with --export."
    )


class _Progress:
    """Tells every ten seconds how far it is."""

    def __init__(self):
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._last >= 10.0 and done < total:
            self._last = time.monotonic()
            print(f"  {what}: {done} of {total} tiles", flush=True)
