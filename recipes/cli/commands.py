"""What each subcommand of `tfgen` does. TensorFlow is imported inside the functions alone."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import tempfile
import warnings
from typing import Any, Dict, List

from recipes.cli import catalogue, paths, sheet
from recipes.cli.errors import UserError, unknown_name

__all__ = [
    "benchmark",
    "card",
    "evaluate",
    "export",
    "in_rows",
    "list_all",
    "quiet_tensorflow",
    "read_card",
    "sample",
    "train",
    "visible",
]


def quiet_tensorflow() -> None:
    """Hides the start-up messages of TensorFlow and its neighbours, which concern their authors.

    Level 3, because TensorFlow 2.15 reports three "errors" about CUDA at each start without a GPU;
    real errors arrive as Python exceptions.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    warnings.filterwarnings("ignore", category=UserWarning, module="tensorflow_addons")


def _load_recipe(name: str):
    quiet_tensorflow()
    return importlib.import_module(f"recipes.{name}")


def _open_run(path: pathlib.Path):
    from tfgen.training import RunDirectory

    return RunDirectory.open(path)


def _needs(module, function: str, recipe: str):
    """The function of a recipe's module, or an error that says the recipe has none."""
    if not hasattr(module, function):
        raise UserError(f"The recipe {recipe} has no '{function}': recipes/{recipe}.py lacks it.")
    return getattr(module, function)


def _table(rows: List[List[str]], header: List[str]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in lines
    )


def _number(value) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 100 else f"{value:.4g}"


def _print_numbers(numbers: Dict[str, object]) -> None:
    width = max((len(name) for name in numbers), default=0)
    for name, value in numbers.items():
        print(f"  {name.ljust(width)}  {_number(value)}")


def list_all(arguments: argparse.Namespace) -> None:
    """Prints systems, recipes, benchmarks and exports."""
    del arguments
    print("Systems (zoo/)")
    for name, summary in catalogue.find_systems().items():
        print(f"  {name:<24} {summary}")
    print("\nRecipes (tfgen train RECIPE --preset PRESET)")
    for recipe in catalogue.find_recipes().values():
        print(f"  {recipe.name:<24} {recipe.summary}")
        print(f"  {'':<24} system {recipe.system}; presets {', '.join(recipe.presets)}")
    print("\nBenchmarks (tfgen benchmark NAME)")
    for benchmark_ in catalogue.find_benchmarks().values():
        print(f"  {benchmark_.name:<24} {benchmark_.summary}")
    print("\nExports (tfgen sample EXPORT --output FILE.png)")
    exports = catalogue.find_exports()
    rows = [[str(e.path), e.state, f"{e.size / 1e6:.1f} MB"] for e in exports]
    print(_table(rows, ["export", "state", "size"]) if rows else "  none in saved_models/")


def _strategy_overrides(config, strategy: str) -> List[str]:
    """Overrides that set every key named `strategy` of a configuration, however deep."""
    found: List[str] = []

    def visit(node, prefix: str) -> None:
        for key, value in node.items():
            if key == "strategy":
                found.append(f"{prefix}{key}={strategy}")
            elif isinstance(value, dict):
                visit(value, f"{prefix}{key}.")

    visit(config.as_dict(), "")
    if not found:
        raise UserError("This recipe has no setting 'strategy': it always runs on one device.")
    return found


def _mention_unfinished_run(output: str, recipe: str, config) -> None:
    """Says so where --resume would have found a run of the same settings to go on with."""
    from tfgen.training import ConfigError, RunDirectory, RunDirectoryError

    try:
        run = RunDirectory.resume(output, recipe, config)
    except (ConfigError, RunDirectoryError):
        return
    print(f"Starting anew. {run.path} is unfinished; add --resume to go on with it instead.")


def train(arguments: argparse.Namespace) -> None:
    """Runs a recipe, from the start or, with --resume, from where it was stopped."""
    recipe = catalogue.find_recipe(arguments.recipe, arguments.preset)
    if arguments.config and not pathlib.Path(arguments.config).is_file():
        raise UserError(f"There is no configuration file '{arguments.config}' (--config).")
    module = _load_recipe(recipe.name)
    from tfgen.training import RunDirectory, load_config

    config = module.config(arguments.preset)
    overrides = list(arguments.set)
    if arguments.strategy:
        overrides += _strategy_overrides(config, arguments.strategy)
    config = load_config(config, arguments.config, overrides)

    if arguments.resume:
        run = RunDirectory.resume(arguments.output, recipe.name, config)
    else:
        _mention_unfinished_run(arguments.output, recipe.name, config)
        run = RunDirectory.create(arguments.output, recipe.name, config)
    path = pathlib.Path(run.path)
    print(f"{recipe.name}, preset {arguments.preset}: the run is in {path}", flush=True)
    module.run(config, run)
    run.finish()

    print(f"\nReport:  {path / 'report.md'}")
    figures = sorted((path / "figures").glob("*.png"))
    if figures:
        print(f"Figures: {path / 'figures'} ({', '.join(figure.name for figure in figures)})")
    version = catalogue.newest_version(path / "export")
    if version:
        print(f"Export:  {version}")
        if "images" in read_card(version).get("signatures", {}).get("sample", {}).get(
            "outputs", {}
        ):
            print(f"Sample:  tfgen sample {path} --output samples.png")
    print(f"Curves:  tensorboard --logdir {path / 'tensorboard'}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Scores a run by its recipe; prints an export's card and scores it where its recipe can."""
    path = paths.resolve(arguments.path)
    if not paths.is_run(path) and catalogue.newest_version(path):
        _evaluate_export(paths.find_export(arguments.path))
        return
    path = paths.find_run(arguments.path)
    recipe = paths.recipe_of_run(path)
    module = _load_recipe(recipe.name)
    report = _needs(module, "evaluate", recipe.name)(_open_run(path))
    print(f"{recipe.name}, run {path}")
    _print_numbers(report)


def read_card(path: pathlib.Path) -> Dict[str, Any]:
    """The card of the version of an export at `path`.

    Raises:
      UserError: there is none, or it is no JSON.
    """
    file = path / catalogue.CARD
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"The export {path} has no card, so its data and numbers are not known."
        ) from None
    except ValueError as error:
        raise UserError(f"{file} is not valid JSON: {error}") from error


def _evaluate_export(path: pathlib.Path) -> None:
    facts = read_card(path)
    print(f"{path}, as its card says")
    _print_numbers(facts.get("metrics", {}))

    name = (facts.get("configuration") or {}).get("recipe")
    if name not in catalogue.find_recipes():
        return
    module = _load_recipe(name)
    if hasattr(module, "evaluate_export"):
        print("\nMeasured now")
        _print_numbers(module.evaluate_export(path))


def sample(arguments: argparse.Namespace) -> None:
    """Draws images, from sentences or freely, and writes them as one captioned PNG."""
    output = pathlib.Path(arguments.output)
    sheet.check_png(output)
    if arguments.count < 1:
        raise UserError(f"--count must be 1 or more; got {arguments.count}.")
    if arguments.temperature <= 0:
        raise UserError(f"--temperature must be above 0; got {arguments.temperature}.")
    path = paths.resolve(arguments.path)
    if not paths.is_run(path) and catalogue.newest_version(path):
        _sample_export(paths.find_export(arguments.path), arguments, output)
        return
    path = paths.find_run(arguments.path)
    version = catalogue.newest_version(path / "export")
    if version:
        _sample_export(version, arguments, output)
        return
    recipe = paths.recipe_of_run(path)
    module = _load_recipe(recipe.name)
    with tempfile.TemporaryDirectory() as folder:
        exported = _needs(module, "export", recipe.name)(_open_run(path), folder)
        _sample_export(pathlib.Path(exported), arguments, output)


def _sample_export(path: pathlib.Path, arguments: argparse.Namespace, output: pathlib.Path) -> None:
    quiet_tensorflow()
    import tfgen.serving

    wanted = "images_from_text" if arguments.text else "sample"
    model = tfgen.serving.load(path)
    if wanted not in model.signatures:
        other = "images_from_text" if wanted == "sample" else "sample"
        hints = {
            "sample": "leave --text away",
            "images_from_text": "give it a sentence with --text",
        }
        hint = f" ({hints[other]})" if other in model.signatures else ""
        raise UserError(
            f"The export {path} has no signature '{wanted}'{hint}; it has "
            f"{', '.join(sorted(model.signatures))}."
        )
    settings = {
        "count": arguments.count,
        "seed": arguments.seed,
        "temperature": arguments.temperature,
    }
    if arguments.text:
        drawn = model.images_from_text(texts=arguments.text, **settings)
        images = visible(drawn["images"], model.card)
        captions = [[text] for text in arguments.text]
    else:
        drawn = model.sample(**settings)
        if "images" not in drawn:
            raise UserError(
                f"The export {path} draws no images, but {', '.join(sorted(drawn))}. In Python: "
                f'tfgen.serving.load("{path}").sample(count={arguments.count}).'
            )
        images, captions = in_rows(visible(drawn["images"], model.card), drawn.get("texts"))
    sheet.write_sheet(output, images, captions)
    print(
        f"Wrote {output}: {images.shape[0] * images.shape[1]} images of {images.shape[3]} x "
        f"{images.shape[2]} pixels, from {path}, seed {arguments.seed}."
    )


def visible(images, card):
    """Images of few grey levels, such as digits of 17, spread over 0 to 255."""
    import numpy as np

    levels = card.data.get("levels", 256) if isinstance(card.data, dict) else 256
    return np.round(np.asarray(images) * (255.0 / (levels - 1))).astype(np.uint8)


def in_rows(images, texts, columns: int = 8):
    """Puts [count, ...] images into rows [R, C, ...] with a caption each; blanks fill the last."""
    import numpy as np

    images = np.asarray(images)
    count = images.shape[0]
    columns = min(columns, count)
    rows = -(-count // columns)
    blank = np.full((rows * columns - count, *images.shape[1:]), 255, images.dtype)
    images = np.concatenate([images, blank]).reshape(rows, columns, *images.shape[1:])
    labels = [""] * count if texts is None else [str(text) for text in np.ravel(texts)]
    labels += [""] * (rows * columns - count)
    return images, [labels[row * columns : (row + 1) * columns] for row in range(rows)]


def export(arguments: argparse.Namespace) -> None:
    """Writes a run's model as the next version of a SavedModel."""
    path = paths.find_run(arguments.path)
    recipe = paths.recipe_of_run(path)
    directory = pathlib.Path(arguments.output) if arguments.output else path / "export"
    module = _load_recipe(recipe.name)
    version = _needs(module, "export", recipe.name)(_open_run(path), directory)
    print(f"Wrote {version}. Its card: tfgen card {version}")


def card(arguments: argparse.Namespace) -> None:
    """Prints the card of an export."""
    path = paths.find_export(arguments.path)
    file = path / "assets.extra" / "card.md"
    if not file.is_file():
        raise UserError(f"The export {path} has no card (assets.extra/card.md).")
    print(file.read_text(encoding="utf-8").rstrip())


def benchmark(arguments: argparse.Namespace) -> None:
    """Runs one measurement, prints its table and, with --output, writes it as JSON."""
    benchmarks = catalogue.find_benchmarks()
    if arguments.name is None:
        for one in benchmarks.values():
            print(f"  {one.name:<16} {one.summary}")
        return
    if arguments.name not in benchmarks:
        raise unknown_name("benchmark", arguments.name, benchmarks)
    options = {}
    if arguments.rows:
        options["rows"] = _chosen_rows(benchmarks[arguments.name], arguments.rows)
    quiet_tensorflow()
    module = importlib.import_module(f"recipes.benchmarks.{arguments.name}")
    rows = module.measure(**options)
    header = list(rows[0])
    print(_table([[_number(row[name]) for name in header] for row in rows], header))
    if arguments.output:
        output = pathlib.Path(arguments.output)
        output.parent.mkdir(parents=True, exist_ok=True)
        facts = {"benchmark": arguments.name, "rows": rows}
        output.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        print(f"Wrote {output}.")


def _chosen_rows(chosen: catalogue.Benchmark, names: str) -> List[str]:
    """What --rows names: "all", or names with commas."""
    if not chosen.rows:
        raise UserError(f"The benchmark {chosen.name} has no --rows: it measures all it has.")
    wanted = list(chosen.rows) if names == "all" else names.split(",")
    for name in wanted:
        if name not in chosen.rows:
            raise unknown_name(f"row of {chosen.name}", name, [*chosen.rows, "all"])
    return wanted
