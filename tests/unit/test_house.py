"""The house holds: imports run one way, and what decides does nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {"mta": {"mta"}, "feedback": {"feedback", "mta"}, "worker": {"worker", "feedback", "mta"}}

DESCRIBES_SETTINGS = ["worker/reference.py"]
"""Looks at the types of the settings; nobody works by it."""

PURE = [
    "mta/attempt.py",
    "mta/dialogue.py",
    "mta/binary.py",
    "mta/envelope.py",
    "mta/lane.py",
    "mta/message.py",
    "mta/recode.py",
    "mta/reply.py",
    "mta/routing/address.py",
    "mta/routing/mx.py",
    "mta/routing/route.py",
    "mta/routing/routes.py",
    "mta/routing/security.py",
    "mta/routing/site.py",
    "mta/routing/sts.py",
    "mta/signing/canonical.py",
    "mta/signing/signature.py",
    "mta/smtp/answer.py",
    "mta/smtp/command.py",
    "mta/smtp/dane.py",
    "mta/smtp/ended.py",
    "mta/smtp/hosts.py",
    "mta/tlsrpt/applied.py",
    "mta/tlsrpt/finding.py",
    "mta/tlsrpt/ledger.py",
    "mta/tlsrpt/record.py",
    "mta/tlsrpt/report.py",
    "mta/traffic/entry.py",
    "mta/traffic/phrases.py",
    "mta/traffic/quantity.py",
    "mta/traffic/restraint.py",
    "mta/traffic/rule.py",
    "mta/traffic/signal.py",
    "mta/traffic/source.py",
    "mta/traffic/dial.py",
    "mta/traffic/memory.py",
    "mta/traffic/pace.py",
    "mta/traffic/paced.py",
    "mta/traffic/part.py",
    "mta/traffic/ramp.py",
    "mta/traffic/shares.py",
    "mta/traffic/tally.py",
    "mta/traffic/turns.py",
    "feedback/encoding.py",
    "feedback/event.py",
    "feedback/log/row.py",
    "feedback/log/story.py",
    "feedback/qualification.py",
    "feedback/qualifier/check.py",
    "feedback/qualifier/line.py",
    "feedback/qualifier/matcher.py",
    "feedback/qualifier/meaning.py",
    "feedback/qualifier/pack.py",
    "feedback/qualifier/phrase.py",
    "feedback/qualifier/replay.py",
    "feedback/qualifier/rule.py",
    "feedback/qualifier/storm.py",
    "feedback/qualifier/trouble.py",
    "feedback/qualifier/unknown.py",
    "feedback/tracker/tick.py",
    "feedback/tracker/wait.py",
    "feedback/unknown/row.py",
    "feedback/wording.py",
    "feedback/writer.py",
    "worker/console/order.py",
    "worker/console/views/chart.py",
    "worker/console/views/course.py",
    "worker/console/views/delivery.py",
    "worker/console/views/lane.py",
    "worker/console/views/order.py",
    "worker/console/views/message.py",
    "worker/console/views/unknown.py",
    "worker/console/views/wording.py",
    "worker/console/views/worker.py",
    "worker/disposition.py",
    "mta/duration.py",
    "worker/job.py",
    "worker/orders/order.py",
    "worker/orders/row.py",
    "worker/orders/standing.py",
    "worker/orders/story.py",
    "worker/queue/census.py",
    "worker/queue/portion.py",
    "worker/policies/row.py",
    "worker/schedule.py",
    "worker/ramps/row.py",
    "worker/ramps/story.py",
    "worker/shares/step.py",
    "worker/shares/story.py",
    "worker/sink/behaviour.py",
    "worker/sink/grammar.py",
    "worker/template/__init__.py",
    "worker/template/field.py",
    "worker/template/part.py",
    "worker/template/slot.py",
    "worker/simulation/adaptive.py",
    "worker/simulation/engine.py",
    "worker/simulation/figures.py",
    "worker/simulation/fixed.py",
    "worker/simulation/kumomta.py",
    "worker/simulation/oracle.py",
    "worker/simulation/postfix.py",
    "worker/simulation/run.py",
    "worker/simulation/scenario.py",
    "worker/simulation/site.py",
    "worker/wave.py",
]
IMPURE_MODULES = {"asyncio", "socket", "time", "logging", "structlog", "ssl", "subprocess", "threading", "os", "uvloop"}
IMPURE_CALLS = {
    "open",
    "print",
    "input",
    "random.random",
    "random.choice",
    "random.shuffle",
    "random.uniform",
    "datetime.now",
}


def modules() -> list[Path]:
    return sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_from_worker_to_feedback_to_mta(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.partition(".")[0] for name in imported(ast.parse(path.read_text()))} & MAY_IMPORT.keys()
    assert ours <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", PURE)
def test_a_pure_room_has_no_clock_no_dice_no_wire_and_waits_for_nothing(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert not {name.partition(".")[0] for name in imported(tree)} & IMPURE_MODULES
    for node in ast.walk(tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncWith | ast.AsyncFor)
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in IMPURE_CALLS


def test_only_the_job_guard_and_main_catch_everything() -> None:
    broad = [
        str(path.relative_to(ROOT))
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or "Exception" in ast.unparse(node.type).split())
    ]
    assert broad == ["worker/command/__init__.py", "worker/intake.py"]


def test_nobody_but_the_commands_and_the_assembly_reads_the_settings() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in modules()
        if "worker.settings" in set(imported(ast.parse(path.read_text()))) and "command" not in path.parts
    }
    assert readers == {"worker/adapters.py", "worker/outside.py", "worker/process.py", *DESCRIBES_SETTINGS}
