"""The services that tests of every kind may ask for, and what tests of commands have in common."""

import pytest

pytest_plugins = [
    "tests.services.places",
    "tests.services.postfix",
    "tests.services.postgres",
    "tests.services.rabbitmq",
]


@pytest.fixture
def logs_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command configures the logs of its process; this process has other tests to run."""
    monkeypatch.setattr("worker.logging.configure", lambda *_, **__: None)
