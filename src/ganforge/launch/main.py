"""The command line around a script: mistakes are explained before anything starts.

Hydra drops what an entry point returns, and adds a line of its own to an exception. So whatever ends a command line
other than well prints its message and raises `SystemExit`, which Hydra lets pass.
"""

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig

from ganforge.compat.hydra import argument_parser, let_exceptions_pass
from ganforge.faults import Interrupted
from ganforge.launch.cluster import refuse_half_a_launcher
from ganforge.launch.grammar import parse
from ganforge.launch.messages import complaining, shown
from ganforge.launch.overrides import conf_folder, groups, refuse_bad_overrides, understood
from ganforge.launch.stored import LATEST, RUNS, latest
from ganforge.process.quiet import quiet_warnings
from ganforge.process.signals import forwarding_signals
from ganforge.process.terminal import keep_output_from_failing

Resume = Callable[[list[str], bool], list[str] | None]


def main(entry: Callable[[], None], config_name: str, usage: Callable[[], str], resume: Resume | None = None) -> None:
    """Run a Hydra entry point; `usage` makes what `--help` prints, which takes a while.

    `resume` gets the overrides of a command line with `resume=`, and whether it has -m; it goes on with a run itself,
    or returns the overrides of a sweep to go on with. The exit code is 0, 2 after a mistake of the user, 128 + its
    number after a signal, 1 for the rest.
    """
    keep_output_from_failing()
    with complaining():
        refuse_half_a_launcher()
        run_line(entry, config_name, usage, resume)


def run_line(entry: Callable[[], None], config_name: str, usage: Callable[[], str], resume: Resume | None) -> None:
    parser = argument_parser()
    parser.error = refuse_flags  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    flags = [word for word in sys.argv[1:] if word not in arguments.overrides]
    if arguments.help:
        print(usage().format(groups=described_groups(config_name)).strip())
        return
    quiet_warnings()
    overrides = [] if arguments.hydra_help else understood(arguments.overrides)
    if not (arguments.hydra_help or arguments.info is not None or arguments.shell_completion):
        if resume is not None and not arguments.cfg and any(map(asks_to_go_on, overrides)):
            sweep = resume(overrides, arguments.multirun)
            if sweep is None:
                return
            overrides, flags, arguments.multirun = sweep, [*flags, "--multirun"], True
        refuse_bad_overrides(overrides, arguments.multirun, config_name)
    sys.argv[1:] = [*overrides, *flags]  # in this order, as --info takes a word that follows it
    let_exceptions_pass()
    entry()


def asks_to_go_on(word: str) -> bool:
    override = parse(word)
    return override.key_or_group == "resume" and override.value() is not None


def refuse_flags(message: str) -> NoReturn:
    """An argument that begins with dashes, and is no flag of Hydra's."""
    match = re.search(r"unrecognized arguments: --?(\w[\w.-]*)", message)
    hint = f"a key has no dashes: {match[1]}=..., and " if match else ""
    raise ValueError(f"{message} ({hint}--hydra-help shows Hydra's own flags)")


def described_groups(config_name: str) -> str:
    """Every group with its options, the default first, for a terminal of 80 columns."""
    defaults: dict[str, str] = {}
    for line in (conf_folder() / f"{config_name}.yaml").read_text(encoding="utf-8").splitlines():
        group, _, option = line.strip().removeprefix("- ").partition(": ")
        defaults.setdefault(group, option)
    lines = []
    for group, options in sorted(groups().items()):
        ordered = sorted(options, key=lambda option: option != defaults.get(group))
        indent = " " * 14
        lines.append(textwrap.fill(f"  {group:<12}" + ", ".join(ordered), 79, subsequent_indent=indent))
    return "\n".join(lines)


def run_tool(config: DictConfig, tool: Callable[[DictConfig], None]) -> None:
    """Run an entry point that starts no training, with the folder that `run=latest` means; mistakes end in a line."""
    with complaining():
        if config.get("run") == LATEST:
            config.run = shown(latest(Path(config.paths.outputs), *RUNS))
        try:
            with forwarding_signals():
                tool(config)
        except Interrupted:
            print("interrupted", file=sys.stderr)
            raise
