"""The commands of `campaign-mta`, gathered, and what their exit codes are."""

import sys

from worker.command.verbs import gathered

app = gathered()


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration."""
    try:
        app()
    except Exception as fault:  # noqa: BLE001 - the outermost handler, one of two broad ones in all
        words, code = _told(fault)
        print(words, file=sys.stderr)
        sys.exit(code)


def _told(fault: Exception) -> tuple[str, int]:
    """What to say of a fault that came up to here, and the exit code."""
    from feedback.store import NewerStore
    from worker.settings import BadSettings

    match fault:
        case BadSettings():
            return str(fault), 2
        case NewerStore():
            return f"campaign-mta: {fault}", 2
        case OSError():
            where = f"{fault.filename}: " if fault.filename else ""
            return f"campaign-mta: {where}{fault.strerror or fault}", 1
        case _:
            return f"campaign-mta: {fault or type(fault).__name__}", 1
