"""The house plan of DESIGN.md, checked: who imports whom, and what packages promise."""

from __future__ import annotations

import ast
import pathlib
import runpy
import subprocess
import sys
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLOORS = {
    "initialisation": 0,
    "randomness": 0,
    "bijectors": 1,
    "distributions": 1,
    "layers": 2,
    "losses": 3,
    "data": 4,
    "metrics": 4,
    "training": 5,
    "serving": 6,
    "codec": 7,
    "job": 7,
}
# A distribution may be made of bijectors; the two stand on one floor.
ON_ONE_FLOOR = {("distributions", "bijectors")}
# A system that is another one with something added may import it.
EXTENSIONS = {("agave", "pixelcnn"), ("agave", "vae"), ("mar_scf", "flows")}
HEAVY = (
    "constriction",
    "keras_nlp",
    "matplotlib",
    "official",
    "pycocoevalcap",
    "pycocotools",
    "sklearn",
    "tensorflow_datasets",
)
SOURCES = sorted(
    path
    for room in ("tfgen", "zoo", "recipes")
    for path in (ROOT / room).rglob("*.py")
    if "__pycache__" not in path.parts
)


def name_of(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: pathlib.Path):
    """Full dotted names that a file imports; `from a import b` counts as a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            for alias in node.names:
                yield [*node.module.split("."), alias.name]


def literal_all(tree: ast.Module):
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == (
            "__all__"
        ):
            return ast.literal_eval(statement.value)
    return None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_arrows_between_rooms_point_downwards(path):
    room, *inside = path.relative_to(ROOT).with_suffix("").parts
    for target in imports(path):
        if target[0] not in ("tfgen", "zoo", "recipes"):
            continue
        line = f"{name_of(path)} imports {'.'.join(target)}"
        if room == "tfgen":
            assert target[0] == "tfgen", line
            below = target[1] if len(target) > 1 else None
            if inside[0] in FLOORS and below in FLOORS and inside[0] != below:
                assert FLOORS[below] < FLOORS[inside[0]] or (inside[0], below) in ON_ONE_FLOOR, line
        elif room == "zoo":
            assert target[0] != "recipes", line
            if target[0] == "zoo" and len(target) > 1 and (inside[0], target[1]) not in EXTENSIONS:
                assert target[1] == inside[0], f"{line}: one system does not know another"


def test_tensorflow_addons_is_used_in_two_rooms_alone():
    users = {
        path.relative_to(ROOT).parts[:2]
        for path in SOURCES
        for target in imports(path)
        if target[0] == "tensorflow_addons"
    }
    assert users <= {("tfgen", "layers"), ("tfgen", "training")}


def modules_after(code: str) -> set:
    program = f"import sys\n{code}\nprint('MODULES', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    line = next(line for line in result.stdout.splitlines() if line.startswith("MODULES"))
    return {name.split(".")[0] for name in line.split()[1:]}


@pytest.mark.parametrize("words", [["--help"], ["list"], ["train", "--help"], ["--version"], []])
def test_command_answers_without_tensorflow(words):
    code = (
        "from recipes.command_line import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as stop:\n    assert not stop.code, stop"
    )
    loaded = modules_after(code)
    assert not loaded & {"tensorflow", "keras", "numpy", *HEAVY}


def test_importing_tfgen_is_cheap():
    assert not modules_after("import tfgen") & set(HEAVY)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_all_names_exist_and_packages_export_what_they_import(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    exported = literal_all(tree)
    if exported is None:
        return
    defined = set()
    imported = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update(
                name.id
                for target in targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            )
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imported.update((alias.asname or alias.name) for alias in node.names)
    lazy = "__getattr__" in defined
    assert len(exported) == len(set(exported))
    assert lazy or set(exported) <= defined | imported
    if path.name == "__init__.py" and path.parent.name != "tfgen":
        public = {name for name in imported if name != "annotations"}
        assert public <= set(exported), "imported by a package's __init__ but not in its __all__"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_have_a_docstring_and_stay_short(path):
    text = path.read_text(encoding="utf-8")
    if not text:
        return
    assert ast.get_docstring(ast.parse(text)), "no docstring at the top of the file"
    assert text.count("\n") <= 400, "over 400 lines: split it"


def recipe_files():
    from recipes.cli.catalogue import find_recipes

    return sorted(find_recipes())


@pytest.mark.parametrize("name", recipe_files())
def test_recipe_has_what_the_command_reads(name):
    from recipes.cli.catalogue import find_recipe, find_systems

    recipe = find_recipe(name)
    tree = ast.parse((ROOT / "recipes" / f"{name}.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    # What a family's job does is bound to the recipe's names.
    bound = [node for node in tree.body if isinstance(node, ast.Assign)]
    names = [name for node in bound for name in ast.walk(node) if isinstance(name, ast.Name)]
    assert {"config", "run"} <= functions | {name.id for name in names}
    assert recipe.system in find_systems()
    assert "smoke" in recipe.presets
    assert set(recipe.presets) <= {"smoke", "quick", "embedded", "paper"}
    assert recipe.summary and "\n" not in recipe.summary
    assert f"tfgen train {name}" in ast.get_docstring(tree), "the header does not say the command"


def lock() -> dict:
    pins = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    return pins


def setup_arguments() -> dict:
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    return setup.call_args.kwargs


def test_lock_names_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for sign in ("://", " @ ", "--", "file:"):
        lines = [line for line in text.splitlines() if not line.startswith("#") and sign in line]
        assert not lines


def test_lock_satisfies_the_ranges_of_setup_py():
    arguments = setup_arguments()
    extras = arguments["extras_require"]
    pins = lock()
    for line in arguments["install_requires"] + extras["dev"] + extras["metrics"]:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
            continue
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{line}, but the lock has {version}"


def test_setup_installs_all_rooms_and_the_command():
    arguments = setup_arguments()
    packages = set(arguments["packages"])
    assert packages >= {"tfgen", "zoo", "recipes", "recipes.cli", "tfgen.training"}
    assert not any(package.startswith("tests") for package in packages)
    for path in SOURCES:
        assert ".".join(path.parent.relative_to(ROOT).parts) in packages, name_of(path)
    assert arguments["entry_points"]["console_scripts"] == ["tfgen = recipes.command_line:main"]
    assert arguments["python_requires"] == ">=3.9,<3.12"
