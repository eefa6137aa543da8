"""What there is: systems, recipes, benchmarks and exports, found without importing any of them."""

from __future__ import annotations

import ast
import dataclasses
import json
import pathlib
from typing import Dict, List, Optional, Tuple

from recipes.cli.errors import UserError, unknown_name

__all__ = [
    "Benchmark",
    "Export",
    "Recipe",
    "find_benchmarks",
    "find_exports",
    "find_exports_with",
    "find_recipe",
    "find_recipes",
    "find_systems",
    "newest_version",
    "read_version",
]

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPORTS = "saved_models"
CARD = pathlib.Path("assets.extra", "card.json")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A training job: the module recipes/NAME.py and its constants."""

    name: str
    system: str
    presets: Tuple[str, ...]
    summary: str


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A measurement: the module recipes/benchmarks/NAME.py.

    `rows` are the names, its constant ROWS, that --rows may choose from; most have none.
    """

    name: str
    summary: str
    rows: Tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Export:
    """A version of a SavedModel in the layout of TensorFlow Serving.

    `state` is "ready", "ready, no card" or "incomplete"; `size` is in bytes.
    """

    path: pathlib.Path
    state: str
    size: int


def _constants(path: pathlib.Path) -> Dict[str, object]:
    """A module's literals by name, and its docstring's first line as DOC, without importing it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{path} is not valid Python: {error}") from error
    constants: Dict[str, object] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    constants[target.id] = ast.literal_eval(statement.value)
                except ValueError:
                    continue  # A constant that is computed is not one of those read here.
    constants["DOC"] = (ast.get_docstring(tree) or "").split("\n")[0]
    return constants


def read_version() -> str:
    """The version of tfgen, read from tfgen/__init__.py."""
    return str(_constants(ROOT / "tfgen" / "__init__.py")["__version__"])


def find_recipes(root: pathlib.Path = ROOT) -> Dict[str, Recipe]:
    """Every recipes/NAME.py that has the constants PRESETS, SYSTEM and SUMMARY, by name."""
    recipes = {}
    for path in sorted((root / "recipes").glob("*.py")):
        found = _constants(path)
        if all(name in found for name in ("PRESETS", "SYSTEM", "SUMMARY")):
            recipes[path.stem] = Recipe(
                path.stem, str(found["SYSTEM"]), tuple(found["PRESETS"]), str(found["SUMMARY"])
            )
    return recipes


def find_recipe(name: str, preset: Optional[str] = None) -> Recipe:
    """The recipe of this name.

    Raises:
      UserError: there is no such recipe, or it has no such preset; with the nearest right name.
    """
    recipes = find_recipes()
    if name not in recipes:
        raise unknown_name("recipe", name, recipes)
    recipe = recipes[name]
    if preset is not None and preset not in recipe.presets:
        raise unknown_name(f"preset of {name}", preset, recipe.presets)
    return recipe


def find_systems(root: pathlib.Path = ROOT) -> Dict[str, str]:
    """The packages of the zoo, each with the first line of its docstring."""
    return {
        path.parent.name: str(_constants(path)["DOC"])
        for path in sorted((root / "zoo").glob("*/__init__.py"))
    }


def find_benchmarks(root: pathlib.Path = ROOT) -> Dict[str, Benchmark]:
    """Every recipes/benchmarks/NAME.py that has the constant SUMMARY, by name."""
    benchmarks = {}
    for path in sorted((root / "recipes" / "benchmarks").glob("*.py")):
        found = _constants(path)
        if "SUMMARY" in found:
            rows = tuple(found.get("ROWS", ()))
            benchmarks[path.stem] = Benchmark(path.stem, str(found["SUMMARY"]), rows)
    return benchmarks


def find_exports(*folders: pathlib.Path) -> List[Export]:
    """All versions of all SavedModels in the folders (saved_models here and in the checkout)."""
    folders = folders or (pathlib.Path(EXPORTS), ROOT / EXPORTS)
    exports = {}
    for folder in folders:
        for path in sorted(folder.glob("*/*")):
            if path.is_dir() and path.name.isdigit():
                exports.setdefault(path.resolve(), _describe(path))
    return list(exports.values())


def find_exports_with(signature: str, *folders: pathlib.Path) -> List[pathlib.Path]:
    """The exports of `find_exports` whose card has a signature of this name."""
    found = []
    for export in find_exports(*folders):
        try:
            card = json.loads((export.path / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # What has no card that can be read is of no use to a person here.
        if signature in card.get("signatures", {}):
            found.append(export.path)
    return found


def newest_version(path: pathlib.Path) -> Optional[pathlib.Path]:
    """The directory of the newest version of NAME, or the path itself if it is a version."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [
        entry
        for entry in path.glob("*")
        if entry.name.isdigit() and (entry / "saved_model.pb").is_file()
    ]
    return max(versions, key=lambda entry: int(entry.name), default=None)


def _describe(path: pathlib.Path) -> Export:
    size = sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
    if not (path / "saved_model.pb").is_file():
        state = "incomplete"
    elif not (path / "assets.extra" / "card.md").is_file():
        state = "ready, no card"
    else:
        state = "ready"
    return Export(path, state, size)
