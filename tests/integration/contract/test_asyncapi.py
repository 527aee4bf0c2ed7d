"""The AsyncAPI document is one, by AsyncAPI's own schema."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests.services.npm import MODULES
from worker.contract import asyncapi


def official() -> Draft7Validator:
    return Draft7Validator(json.loads((MODULES / "@asyncapi/specs/schemas/3.0.0.json").read_text()))


def references(tree: Any) -> set[str]:
    match tree:
        case {"$ref": str(found)}:
            return {found}
        case dict():
            return set().union(*map(references, tree.values()))
        case list():
            return set().union(*map(references, tree))
        case _:
            return set()


def test_the_document_is_asyncapi_3() -> None:
    assert [error.message for error in official().iter_errors(asyncapi())] == []


@pytest.mark.parametrize("part", ["asyncapi", "info"])
def test_the_official_schema_would_notice(part: str) -> None:
    broken = copy.deepcopy(asyncapi())
    del broken[part]
    assert not official().is_valid(broken)


def test_what_the_document_refers_to_is_there() -> None:
    document = asyncapi()
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found
