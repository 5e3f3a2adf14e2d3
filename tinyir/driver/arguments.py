"""The words after `tinyir`, read by argparse: one function per command, in the order of `tinyir --help`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

GOALS = ("speed", "size", "ram")
LEVELS = ("graph", "loop", "buffer", "c")
ARENAS = ("static", "caller")
ASSEMBLY = ("blocks", "instructions", "none")
IO_TYPES = ("model", "quantized")
NEW = (("pass", "a pass"), ("op", "an operator"), ("rule", "a rewrite rule"), ("target", "a target"))
"""What `tinyir new-...` writes the files of."""
VALUE_MAY_BE_LEFT_OUT = ("--print-after-all", "--trace-rewrites")


class Formatter(argparse.HelpFormatter):
    """Help as wide as the terminal.  argparse makes a formatter for every option, and loads shutil to ask for that width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        """With `[=DIR]` where the value may be left out: what follows a space is the next argument."""
        if set(action.option_strings) & set(VALUE_MAY_BE_LEFT_OUT):
            return f"[={action.metavar}]"
        return super()._format_args(action, default_metavar)

    def format_help(self) -> str:
        return super().format_help().replace(" [=", "[=")


def _natural(text: str) -> int:
    """
    Raises:
        argparse.ArgumentTypeError: it is no integer, or less than 0.
    """
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of elements")
    return number


def _columns() -> int:
    """The width of the terminal, as `shutil.get_terminal_size` says."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ is not None else 80
    except (OSError, ValueError):  # no terminal
        return 80


class Parser(argparse.ArgumentParser):
    """A parser whose complaints look like all other errors of tinyir."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Formatter, **options)

    def error(self, message: str) -> NoReturn:
        choice = re.match(r"argument ([^:]+): invalid choice: '([^']*)' \(choose from (.*)\)", message)
        hint = f"{self.prog} --help says what there is"
        if choice:
            known = re.findall(r"[\w-]+", choice[3])
            message = f"unknown command '{choice[2]}'" if choice[1] == "COMMAND" else f"unknown {choice[1]} '{choice[2]}': there are {', '.join(known)}"
            hint = import_module("tinyir.ir.errors").did_you_mean(choice[2], known) or hint
        sys.stderr.write(f"error: {message}\n     hint: {hint}\n")
        raise SystemExit(1)


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command's arguments; `module` names the file of `tinyir/driver/commands` that carries it out.

    Raises:
        SystemExit: help or version was printed (0), or the words are not understood (1).
    """
    if "--version" in words[:1]:
        sys.stdout.write(f"tinyir {import_module('importlib.metadata').version('tinyir')}\n")
        raise SystemExit(0)
    command = words[0] if words[:1] and words[0] in _commands() else ""
    found, unknown = _parser(command).parse_known_args([f"{word}=" if word in VALUE_MAY_BE_LEFT_OUT else word for word in words])
    if unknown:  # argparse would name the help of all commands
        Parser(prog=f"tinyir {command}".rstrip()).error(f"unrecognized arguments: {' '.join(unknown)}")
    return found


@cache
def _parser(command: str) -> Parser:
    """The parser of one command, of all if none is named: to describe the options of all takes longer than to run some."""
    parser = Parser(prog="tinyir", description="Trained networks to small, fast and proved C.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(prog="tinyir", metavar="COMMAND", required=True)
    known = _commands()
    for add in dict.fromkeys([known[command]] if command else known.values()):
        add(commands)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Parser]


def _command(commands: Commands, name: str, summary: str) -> Parser:
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(module=f"{name.replace('-', '_')}_command")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def _add_target(parser: Parser, required: bool, what: str = "a name that `tinyir targets` lists, or FILE.toml") -> None:
    parser.add_argument("-t", "--target", required=required, metavar="TARGET", help=what)
    help = "how much of it may stand in the C: whole loops, single instructions, or none (default: what the target says, else blocks)"
    parser.add_argument("--assembly", choices=ASSEMBLY, help=help)


def _add_goal(parser: Parser) -> None:
    parser.add_argument("--goal", default="speed", choices=GOALS, help="what the code is to be best at (default: speed)")


def _add_limits(parser: Parser) -> None:
    parser.add_argument("--flash", metavar="BYTES", help="at most so much code and constants, as in 32k: the fastest variant that fits, or an error")
    parser.add_argument("--ram", metavar="BYTES", help="at most so much arena, data and stack, as in 8k: the fastest variant that fits, or an error")


def _add_io(parser: Parser) -> None:
    parser.add_argument("--io", default="model", choices=IO_TYPES, help="quantized: without quantize at the inputs and dequantize at the outputs")


def _add_locations(parser: Parser) -> None:
    parser.add_argument("--locations", action="store_true", help="print where each operation comes from, as is always written to files")


def _add_hooks(parser: Parser) -> None:
    parser.add_argument("--print-after-all", metavar="DIR", help="write the IR after every pass that changed it into a folder; without =DIR print it to stderr")
    parser.add_argument("--print-changed", action="store_true", help="print to stderr what each pass changed, as a diff")
    parser.add_argument("--print-passes", default="", metavar="A,B", help="print after these passes only")
    parser.add_argument("--print-functions", default="", metavar="F,G", help="print these functions only")
    parser.add_argument("--trace-rewrites", metavar="FILE", help="write every rewrite into FILE.jsonl or FILE.html; without =FILE print them to stderr")
    parser.add_argument("--timing", action="store_true", help="print CPU time, rewrites and proofs of each pass to stderr")
    parser.add_argument("--expensive-checks", action="store_true", help="check every rewrite, and run the interpreter before and after every pass")
    parser.add_argument("--reproducer", default="", metavar="FILE.tir", help="where the module goes if a pass fails (default: PASS.reproducer.tir)")
    parser.add_argument("--elide", type=_natural, metavar="N", help="leave constants of more than N elements out of what is printed")
    _add_locations(parser)
    parser.add_argument("--generic", action="store_true", help="print MLIR's generic form")


def _add_passes(parser: Parser) -> None:
    what = "what the levels run, as in 'graph(default,dce),c(default,simplify_c{programs=false})'; `default`: the compiler's own passes; or @FILE"
    parser.add_argument("-p", "--passes", metavar="'graph(a,b{x=1})'", help=what)


def _import(commands: Commands) -> None:
    parser = _command(commands, "import", "read a model and write it as text of the graph level")
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("-o", "--output", metavar="FILE.tir", help="the file to write (default: standard output)")
    parser.add_argument("--elide", type=_natural, metavar="N", help="leave constants of more than N elements out")
    _add_locations(parser)
    parser.add_argument("--generic", action="store_true", help="print MLIR's generic form")


def _opt(commands: Commands) -> None:
    parser = _command(commands, "opt", "run passes over a file of IR and print what becomes of it")
    parser.add_argument("model", metavar="FILE.tir", help="- for standard input")
    parser.add_argument("-p", "--passes", metavar="'a,b{x=1}'", help="the passes, with their options, or @FILE (default: none, or those of a reproducer)")
    parser.add_argument("-o", "--output", metavar="FILE.tir", help="the file to write (default: standard output)")
    parser.add_argument("--verify-each", action="store_true", help="verify after every pass, not only at the end")
    _add_target(parser, required=False)
    _add_goal(parser)
    _add_io(parser)
    _add_hooks(parser)


def _compile(commands: Commands) -> None:
    parser = _command(commands, "compile", "compile a model to NAME.c, NAME.h and NAME.json")
    parser.add_argument("model", metavar="MODEL|FILE.tir")
    _add_target(parser, required=True)
    parser.add_argument("-o", "--output", metavar="DIR", help="the folder to write (with --emit graph, loop or buffer the default is standard output)")
    parser.add_argument("--name", metavar="N", help="prefix of files and functions (default: the model's name)")
    _add_passes(parser)
    _add_goal(parser)
    parser.add_argument("--emit", default="c", choices=LEVELS, help="stop at that level and write NAME.LEVEL.tir (default: c, which writes C)")
    _add_limits(parser)
    _add_io(parser)
    parser.add_argument("--arena", default="static", choices=ARENAS, help="caller: the functions take the memory as an argument (default: static)")
    parser.add_argument("--selftest", metavar="X.npy", help="also write NAME_test.c with these inputs and the outputs that they must give")
    _add_hooks(parser)


def _run(commands: Commands) -> None:
    parser = _command(commands, "run", "build, simulate and measure a model, or interpret it")
    parser.add_argument("model", metavar="MODEL|FILE.tir|DIR", help="DIR is a folder that `tinyir compile` wrote")
    _add_target(parser, required=False, what="where to run (default for DIR: what it was compiled for)")
    parser.add_argument("--level", choices=LEVELS, help="interpret the module as it leaves this level, in place of building its C")
    parser.add_argument("--input", metavar="X.npy", help="one input per row of the leading axis; X.npz by name (default: a fixed pattern)")
    parser.add_argument("--output", metavar="Y.npy", help="where the outputs go, one per row; Y.npz by name")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    _add_passes(parser)
    _add_goal(parser)
    _add_limits(parser)
    _add_io(parser)


def _prove(commands: Commands) -> None:
    parser = _command(commands, "prove", "print every obligation of a compilation and what became of it")
    parser.add_argument("model", metavar="MODEL|FILE|rules", help="a model, a file .tir, .rules or .isa; the word `rules` stands for all rewrite rules")
    _add_target(parser, required=False)
    parser.add_argument("--prover", default="native", choices=("native", "z3"), help="who judges (default: native)")
    parser.add_argument("--smtlib", metavar="DIR", help="write every obligation as SMT-LIB; proved if each answer is unsat")
    parser.add_argument("--json", action="store_true", help="print the obligations as JSON")
    parser.add_argument("--timing", action="store_true", help="print the CPU time of the obligations to stderr")
    parser.add_argument("--update", action="store_true", help="with `rules`: write specs/proofs.lock; only rules that changed are proved")
    parser.add_argument("--all", action="store_true", help="with `rules --update`: prove every rule again")
    _add_passes(parser)
    _add_goal(parser)
    _add_io(parser)


def _bench(commands: Commands) -> None:
    parser = _command(commands, "bench", "compile and measure models on targets")
    parser.add_argument("models", metavar="MODEL", nargs="+")
    _add_target(parser, required=True, what="one, or several with commas between")
    parser.add_argument("--per-layer", action="store_true", help="also what each layer costs, and how far it is from the machine's limit")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    _add_passes(parser)
    _add_goal(parser)
    _add_limits(parser)
    _add_io(parser)


def _tune(commands: Commands) -> None:
    parser = _command(commands, "tune", "measure variants of a model and keep the best in MODEL.tuning.json, which compile reads")
    parser.add_argument("model", metavar="MODEL")
    _add_target(parser, required=True)
    _add_goal(parser)
    _add_io(parser)


def _targets(commands: Commands) -> None:
    _command(commands, "targets", "list the targets, and which of their tools are here")


def _reduce(commands: Commands) -> None:
    parser = _command(commands, "reduce", "make a file of IR as small as possible while a test still succeeds on it")
    parser.add_argument("model", metavar="FILE", help="the file of IR, or a model")
    parser.add_argument("--test", required=True, metavar="'CMD'", help="exits with 0 while the file ({}, or its last word) shows what you look for")
    parser.add_argument("-o", "--output", metavar="FILE.tir", help="the file to write (default: standard output)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="a test that takes longer does not succeed (default: 60)")


def _inspect(commands: Commands) -> None:
    parser = _command(commands, "inspect", "write one page that shows every stage of a compilation: what each pass changed, rewrote and proved")
    parser.add_argument("model", metavar="MODEL|FILE.tir")
    parser.add_argument("-o", "--output", metavar="FILE.html", help="the file to write (default: standard output)")
    parser.add_argument("--elide", type=_natural, default=16, metavar="N", help="leave constants of more than N elements out (default: 16)")
    _add_target(parser, required=False)
    parser.set_defaults(target="host")
    _add_goal(parser)
    _add_io(parser)
    _add_passes(parser)


def _bisect(commands: Commands) -> None:
    parser = _command(commands, "bisect", "find the pass, and the rewrite in it, that changes what a model computes")
    parser.add_argument("model", metavar="MODEL|FILE.tir")
    parser.add_argument("--input", metavar="X.npy", help="one input per row of the leading axis; X.npz by name (default: a fixed pattern)")
    parser.add_argument("--reference", metavar="Y.npy", help="what the outputs should be (default: what they are before all passes)")
    parser.add_argument("--tolerance", type=float, default=1e-5, metavar="T", help="as a part of the greatest output (default: 1e-5)")
    parser.add_argument("--layers", action="store_true", help="compare every node of an ONNX model with onnxruntime, before all passes")
    parser.add_argument("-p", "--passes", metavar="'a,b{x=1}'", help="the passes, or what levels run, as in 'c(default,a)', or @FILE (default: the compiler's)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    _add_target(parser, required=False)
    _add_goal(parser)
    _add_io(parser)


def _new(commands: Commands) -> None:
    for kind, what in NEW:
        parser = _command(commands, f"new-{kind}", f"write the file of {what} and its test, ready to be changed")
        parser.set_defaults(module="new_command", kind=kind)
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("-o", "--output", default=".", metavar="DIR", help="where to write (default: here; in this repository, where such files stand)")


def _passes(commands: Commands) -> None:
    parser = _command(commands, "passes", "list the passes, and those that the compiler runs; or tell what one of them does")
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="the pass to tell of")
    _add_goal(parser)
    _add_io(parser)


def _diff(commands: Commands) -> None:
    parser = _command(commands, "diff", "tell in what two modules differ, whatever their values are called")
    parser.add_argument("before", metavar="A", help="a file of IR or a model")
    parser.add_argument("after", metavar="B", help="another")
    parser.add_argument("--locations", action="store_true", help="compare locations as well")
    parser.add_argument("--elide", type=_natural, default=16, metavar="N", help="leave constants of more than N elements out of what is printed (default: 16)")
    parser.add_argument("--generic", action="store_true", help="print MLIR's generic form")


def _language_server(commands: Commands) -> None:
    _command(commands, "language-server", "answer an editor on stdin and stdout: errors, hovers, definitions")


def _reference(commands: Commands) -> None:
    parser = _command(commands, "reference", "write the reference pages: operators, functions, operations, passes, rules, targets")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder to write")


@cache
def _commands() -> Mapping[str, Callable[[Commands], None]]:
    """What describes each command, in the order of `tinyir --help`."""
    return {
        "import": _import,
        "opt": _opt,
        "compile": _compile,
        "run": _run,
        "prove": _prove,
        "bench": _bench,
        "tune": _tune,
        "targets": _targets,
        "inspect": _inspect,
        "reduce": _reduce,
        "bisect": _bisect,
        **{f"new-{kind}": _new for kind, _ in NEW},
        "passes": _passes,
        "diff": _diff,
        "language-server": _language_server,
        "reference": _reference,
    }
