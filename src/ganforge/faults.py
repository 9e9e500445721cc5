"""How a run can end before its budget is spent."""

import ast
import signal


class Diverged(ValueError):
    """A loss or a weight is not a finite number any more."""


class Stopped(Exception):
    """Training was stopped by a signal, between two rounds, so that a checkpoint can be written."""

    def __init__(self, signal_number: int, images_seen: int) -> None:
        super().__init__(int(signal_number), images_seen)
        self.signal_number = signal.Signals(signal_number)
        self.images_seen = images_seen


class Interrupted(SystemExit):
    """A signal ended this process where there was nothing to save."""

    code: int

    def __init__(self, signal_number: int) -> None:
        super().__init__(128 + signal_number)


class Killed(Exception):
    """One of several processes that train together is gone, and the others with it."""


def unwrapped(error: Exception) -> Exception:
    """What went wrong in a process of a group, which tells its parent in text only."""
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

    if isinstance(error, ProcessExitedException):
        how = error.signal_name or f"exit code {error.exit_code}"
        return Killed(f"process {error.error_index} of this run was ended by {how}, and the others with it")
    if not isinstance(error, ProcessRaisedException):
        return error
    name, _, message = str(error).strip().splitlines()[-1].partition(": ")
    match name.rpartition(".")[2]:
        case "Stopped":
            return Stopped(*ast.literal_eval(message))
        case "Diverged":
            return Diverged(message)
        case "ValueError" | "OSError":
            return ValueError(message)
        case "RuntimeError" | "DistBackendError" if "onnection" in message:
            return Killed("another process of this run is gone, and this one with it")
    return error
