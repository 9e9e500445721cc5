"""Private API of Hydra 1.3."""

from argparse import ArgumentParser

from hydra._internal import utils


def argument_parser() -> ArgumentParser:
    """Hydra's own, to tell its flags from overrides and to explain a mistake before Hydra starts."""
    return utils.get_args_parser()


def let_exceptions_pass() -> None:
    """Hydra would print a traceback of whatever is raised, and end the process."""
    utils.run_and_report = lambda func: func()
