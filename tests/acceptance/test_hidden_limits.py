"""Several workers find a site's hidden limits together, and in no trouble does the site see more than they were leased."""

from pathlib import Path

import pytest

from tests.services.postgres import PostgresServer
from tests.wire.course import Course

PATIENCE = 150.0
WAVE = """
messages = 300
workers = 4
[[rule]]
name = "wire"
site = ["*"]
connections = 50
start = "search"
[[site]]
name = "narrow"
share = 0.4
latency = "20ms"
max_connections = 3
max_rate = "300/min"
[[site]]
name = "wide"
latency = "20ms"
max_rate = "480/min"
"""


@pytest.mark.long
@pytest.mark.timeout(500)
def test_no_site_sees_more_than_was_leased_though_a_worker_dies_the_store_restarts_and_two_come(
    tmp_path: Path, amqp_url: str, private_postgres: PostgresServer
) -> None:
    course = Course(WAVE, tmp_path, amqp_url, private_postgres.url, f"w{private_postgres.port}")
    with course.sites() as ports:
        here = course.installed(ports)
        course.enqueue(here)
        course.start(here, 4)
        try:
            course.until(lambda: course.settled() >= 60, PATIENCE, here.logs)
            course.kill_one()
            course.until(lambda: course.settled() >= 100, PATIENCE, here.logs)
            private_postgres.stop()
            private_postgres.start()
            course.until(lambda: course.settled() >= 150, PATIENCE, here.logs)
            course.start(here, 2)
            course.until(lambda: course.settled() >= 300, PATIENCE, here.logs)
        finally:
            course.stop()
    proofs = course.proofs()
    assert proofs.keys() == {"narrow", "wide"}
    for proof in proofs.values():
        assert proof.breaches == ()
        assert proof.connections > 0
        assert proof.windows > 100
        assert proof.grants > 10
