"""The API: described as it is, answering as described, to those who may ask."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import validate

from tests.integration.console.conftest import TOKEN, Served
from worker.console.api import router

EXAMPLES = 25


def operations() -> list[tuple[str, str]]:
    app = FastAPI()
    app.include_router(router)
    return [(path, method) for path, item in app.openapi()["paths"].items() for method in item]


@pytest.fixture(scope="module")
def schema(served: Served) -> Any:
    return schemathesis.openapi.from_url(f"{served.url}/api/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize(("path", "method"), operations(), ids=lambda part: part)
def test_the_api_answers_whatever_is_asked_as_it_is_described(schema: Any, path: str, method: str) -> None:
    seen: set[int] = set()

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def asked(case: schemathesis.Case) -> None:
        seen.add(case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}).status_code)

    asked()
    assert seen & {200, 404}, seen


def test_the_description_is_valid_openapi(served: Served) -> None:
    with served.program() as client:
        validate(client.get("/api/openapi.json").json())
