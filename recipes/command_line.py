"""The `tfgen` command: list, train, evaluate, sample, caption, draw, compress, export and more.

Help, `tfgen list` and wrong names answer at once: TensorFlow is imported by the subcommands that
compute, not here. Exit codes: 0 done, 2 something the person can mend (one message on stderr),
130 stopped by Ctrl-C and 143 by SIGTERM, saying how to resume. Anything else is a defect and
shows its stack trace; so does everything when TFGEN_TRACEBACK is set.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import List, Mapping, NoReturn, Optional, Sequence

from recipes.cli import caption_commands, catalogue, codec_commands, commands
from recipes.cli.errors import UserError, message_for_person, nearest, unknown_name

__all__ = ["main", "make_parser"]

_DESCRIPTION = "Deep generative models for images and text: train, sample, evaluate and export."
_EXAMPLES = """\
examples:
  tfgen list
  tfgen train vlvae_two_objects --preset quick
  tfgen train vlvae_two_objects --preset quick --set training.learning_rate=2e-4 --resume
  tfgen sample saved_models/vlvae_two_objects \\
      --text "small red rubber sphere left large blue metal cube" --count 4 --output out.png
  tfgen caption saved_models/vlvae_two_objects picture.jpg photos/
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=28, width=100)


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence, raised for `main` to print."""

    commands: Mapping[str, argparse.ArgumentParser] = {}

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}. See '{self.prog} --help'.")

    def options(self) -> List[str]:
        return [option for action in self._actions for option in action.option_strings]


def make_parser() -> _Parser:
    """The parser of the whole command."""
    parser = _Parser(
        prog="tfgen",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tfgen {catalogue.read_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    parser.set_defaults(run=lambda arguments: parser.print_help(), parser=parser)

    parser.commands = subparsers.choices

    def add(name, function, summary):
        child = subparsers.add_parser(
            name,
            help=summary,
            description=summary,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        child.set_defaults(run=function, parser=child)
        return child

    add("list", commands.list_all, "Show systems, recipes with their presets, and exports.")

    child = add("train", commands.train, "Train a recipe; writes a run directory with a report.")
    child.add_argument("recipe", metavar="RECIPE", help="a name that 'tfgen list' shows")
    child.add_argument("--preset", default="quick", help="its size: smoke, quick, embedded, paper")
    child.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as training.batch_size=64; may be given many times",
    )
    child.add_argument("--config", metavar="FILE.yaml", help="settings that go over the preset's")
    child.add_argument("--output", default="runs", metavar="DIR", help="where runs are kept")
    child.add_argument(
        "--resume", action="store_true", help="go on with the newest unfinished run in --output"
    )
    child.add_argument("--strategy", help="mirrored (default), multi_worker, tpu or one_device")

    child = add("evaluate", commands.evaluate, "Score a run again, or show an export's numbers.")
    child.add_argument("path", metavar="RUN_OR_EXPORT")

    child = add("sample", commands.sample, "Draw images, with their sentences, into a PNG.")
    child.add_argument("path", metavar="RUN_OR_EXPORT")
    child.add_argument(
        "--text",
        action="append",
        default=[],
        help="draw images of this sentence; may be given many times",
    )
    child.add_argument("--count", type=int, default=8, help="images, for each sentence (8)")
    child.add_argument("--seed", type=int, default=0, help="the same seed gives the same images")
    child.add_argument("--temperature", type=float, default=1.0, help="spread of the latents (1.0)")
    child.add_argument("--output", required=True, metavar="FILE.png")

    caption_commands.add_caption_commands(add)
    codec_commands.add_codec_commands(add)

    child = add("export", commands.export, "Write a run's model as a SavedModel for serving.")
    child.add_argument("path", metavar="RUN")
    child.add_argument("--output", metavar="DIR", help="where the versions stand (RUN/export)")

    child = add("card", commands.card, "Show what an export is, its data, numbers and limits.")
    child.add_argument("path", metavar="EXPORT")

    child = add("benchmark", commands.benchmark, "Measure speed on this machine; lists if unnamed.")
    child.add_argument("name", nargs="?", metavar="NAME")
    child.add_argument("--rows", metavar="NAMES", help="of what takes long: all, or names a,b")
    child.add_argument("--output", metavar="FILE.json", help="write the measurements here too")
    return parser


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = make_parser()
    command = next((word for word in argv if not word.startswith("-")), None)
    if command is not None and command not in parser.commands:
        raise unknown_name("command", command, parser.commands)
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        close = nearest(rest[0].split("=")[0], arguments.parser.options())
        hint = f" Did you mean '{close}'?" if close else ""
        raise UserError(
            f"Unknown argument '{rest[0]}'.{hint} See '{arguments.parser.prog} --help'."
        )
    return arguments


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the command and returns its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parse(argv)
        arguments.run(arguments)
    except KeyboardInterrupt:
        hint = ""
        if argv[:1] == ["train"]:
            again = shlex.join(argv if "--resume" in argv else [*argv, "--resume"])
            hint = f" Resume with: tfgen {again}"
        print(f"\nStopped.{hint}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if type(error).__name__ == "TrainingInterrupted":
            print(f"tfgen: {str(error).strip()}", file=sys.stderr)
            return 128 + error.signal
        message = message_for_person(error)
        if message is None or os.environ.get("TFGEN_TRACEBACK"):
            raise
        print(f"tfgen: {message}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
