"""`tfgen caption` and `tfgen draw`: sentences of a person's own images, and images of sentences.

TensorFlow is imported inside the functions alone, as in `recipes.cli.commands`.
"""

from __future__ import annotations

import argparse
import pathlib
from typing import Any, Dict, Iterator, Sequence, Tuple

from recipes.cli import catalogue, commands, paths, sheet
from recipes.cli.errors import UserError

__all__ = ["add_caption_commands", "caption", "draw"]

_COLUMNS = 8


def add_caption_commands(add) -> None:
    """Declares both subcommands.

    Args:
      add: (name, function, summary) -> the subcommand's parser.
    """
    child = add("caption", caption, "Write sentences of your own images: of their central squares.")
    child.add_argument("path", metavar="EXPORT", help="one that writes texts_from_images")
    child.add_argument("images", nargs="+", metavar="IMAGE", help="image files, or folders of them")
    child.add_argument("--count", type=int, default=5, help="sentences for each image (5)")
    _add_settings(child, "sentences")

    child = add("draw", draw, "Draw images of your own sentence into a PNG.")
    child.add_argument("path", metavar="EXPORT", help="one that draws images_from_text")
    child.add_argument("sentence", metavar="SENTENCE", help='in quotes: "a red ball on the lawn"')
    child.add_argument("--count", type=int, default=8, help="images (8)")
    _add_settings(child, "images")
    child.add_argument("--output", required=True, metavar="FILE.png")


def _add_settings(child, drawn: str) -> None:
    child.add_argument("--seed", type=int, default=0, help=f"the same seed gives the same {drawn}")
    child.add_argument(
        "--temperature", type=float, help="spread of the latents (1.0), where the export has one"
    )


def caption(arguments: argparse.Namespace) -> None:
    """Prints sentences of each image file, and then which files were none.

    An image is turned as its EXIF data say, laid over white where it is transparent, and its
    central square is resized to what the export takes; "fit" in the data of the card, where it is
    there, says otherwise. What is printed of an image does not depend on the others.

    Raises:
      UserError: the export writes no sentences; or some files could not be captioned, once all
        others were.
    """
    _check_numbers(arguments)
    model = _load(arguments, "texts_from_images", "writes no sentences of images")
    settings = _settings(arguments, model, "texts_from_images")
    size, fit = _image_size(model), _fit(model)

    import tensorflow as tf

    from tfgen.data import Problems, check_image_files
    from tfgen.data.errors import printable

    problems, total = Problems("files"), 0
    for path, reason in _image_paths(arguments.images):
        total += 1
        if reason:
            problems.add(path, reason)
            continue
        files = check_image_files([path], problems)
        if len(files):
            images = files.loader(size, fit)(tf.constant([0]))
            texts = model.texts_from_images(images=images, **settings)["texts"][0]
            print("\n  ".join([printable(path), *texts]), flush=True)
    if problems.items:
        verb = "was" if len(problems) == 1 else "were"
        raise UserError(
            f"{len(problems)} of {total} files {verb} not captioned:\n"
            f"{problems.listing(len(problems))}"
        )


def draw(arguments: argparse.Namespace) -> None:
    """Writes images of one sentence as a PNG.

    Raises:
      UserError: the export draws no images of sentences, or the sentence is blank.
    """
    output = pathlib.Path(arguments.output)
    sheet.check_png(output)
    _check_numbers(arguments)
    sentence = arguments.sentence
    if not sentence.strip():
        raise UserError('The sentence is empty; write one in quotes, such as "a red ball".')
    model = _load(arguments, "images_from_text", "draws no images of sentences")
    settings = _settings(arguments, model, "images_from_text")
    drawn = model.images_from_text(texts=[sentence], **settings)["images"][0]
    images, captions = commands.in_rows(commands.visible(drawn, model.card), None, _COLUMNS)
    captions = [[""] for _ in captions[1:]] + [[sentence]]
    sheet.write_sheet(output, images, captions)
    print(
        f"Wrote {output}: {len(drawn)} images of {drawn.shape[2]} x {drawn.shape[1]} pixels, "
        f"from {model.path}, seed {arguments.seed}."
    )


def _check_numbers(arguments: argparse.Namespace) -> None:
    if arguments.count < 1:
        raise UserError(f"--count must be 1 or more; got {arguments.count}.")
    temperature = arguments.temperature
    if temperature is not None and not 0 <= temperature < float("inf"):
        raise UserError(f"--temperature must be 0 or more; got {temperature}.")


def _load(arguments: argparse.Namespace, wanted: str, lacks: str):
    """The export, which has the wanted signature.

    Raises:
      UserError: it has not; names the exports that have.
    """
    path = paths.find_export(arguments.path)
    commands.quiet_tensorflow()
    signatures = commands.read_card(path).get("signatures", {})
    if wanted not in signatures:
        able = ", ".join(map(str, catalogue.find_exports_with(wanted))) or "none of those here"
        raise UserError(
            f"The export {path} {lacks}: it has no signature '{wanted}', but "
            f"{', '.join(sorted(signatures)) or 'none'}. Exports that have it: {able}."
        )
    import tfgen.serving

    return tfgen.serving.load(path)


def _settings(arguments: argparse.Namespace, model, signature: str) -> Dict[str, Any]:
    """count and seed, and the temperature where it is given."""
    settings = {"count": arguments.count, "seed": arguments.seed}
    if arguments.temperature is not None:
        if "temperature" not in model.signatures[signature]["inputs"]:
            raise UserError(
                f"The signature '{signature}' of {model.path} has no temperature; leave "
                "--temperature away."
            )
        settings["temperature"] = arguments.temperature
    return settings


def _image_size(model) -> int:
    """Side of the images that texts_from_images takes.

    Raises:
      UserError: it takes something else, such as features.
    """
    spec = model.signatures["texts_from_images"]["inputs"].get("images", {})
    shape = spec.get("shape", [])
    square = len(shape) == 4 and shape[1] and shape[1] == shape[2] and shape[3] == 3
    if spec.get("dtype") != "uint8" or not square:
        raise UserError(
            f"The export {model.path} captions no image files: its texts_from_images takes "
            f"{spec.get('dtype', 'no images')} {shape}, wanted uint8 [null, size, size, 3]. "
            "Features of a fixed network are passed in Python, by tfgen.serving.load."
        )
    return shape[1]


def _fit(model) -> str:
    data = model.card.data
    return data.get("fit", "crop") if isinstance(data, dict) else "crop"


def _image_paths(names: Sequence[str]) -> Iterator[Tuple[str, str]]:
    """(path, "") of every file, those of a folder in order; (folder, why it is not used)."""
    from tfgen.data import DataError, image_names

    for name in names:
        folder = pathlib.Path(name)
        if not folder.is_dir():
            yield name, ""
            continue
        try:
            yield from ((str(folder / file), "") for file in image_names(folder))
        except DataError:
            yield name, "is a folder without image files"
