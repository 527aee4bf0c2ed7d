"""The services that tests of every kind may ask for."""

pytest_plugins = [
    "tests.services.places",
    "tests.services.postfix",
    "tests.services.postgres",
    "tests.services.rabbitmq",
]
