"""The reference of all configuration, made from the types that read it: `python -m worker.reference FILE`.

Every key stands there with its type, its default, its meaning and what is said of a wrong value, found out by giving one.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from feedback.qualifier.pack import BadPack, parse
from feedback.qualifier.pack import RuleEntry as ReplyRule
from mta.duration import format_duration
from mta.traffic.entry import RuleEntry as TrafficRule
from mta.traffic.rule import Timeouts
from mta.traffic.rules import read_text
from worker.meanings import MEANINGS
from worker.settings import BadSettings, Settings, load

Tree = dict[str, Any]

CONFIGURATION, TRAFFIC, REPLIES = "campaign-mta.toml", "traffic.toml", "replies.toml"

_OPENING = """# Configuration reference

Made by `make schemas` from the types that read the files; not to be edited.

`campaign-mta.toml` is named by `--config` or `CAMPAIGN_MTA_CONFIG`, else looked for in the current directory. Every key of it
can be set in the environment, which wins: `CAMPAIGN_MTA_BROKER__URL` for `[broker] url`; a list is written there as JSON.
Relative paths are relative to the file. Unknown keys are refused. A duration is a number and `ms`, `s`, `m`, `h` or `d`, such
as `90s`; a number alone, in this file only, is in seconds. All faults are said at once, and the exit code is 2.
"""

_CHAPTERS = {
    CONFIGURATION: "",
    TRAFFIC: """
# Traffic rules

The files of `[traffic] rules`: the first `[[rule]]` that matches holds; the built-in ones come last. Limits are per egress
source and over all workers. A rate is written `n/s`, `n/min` or `n/h`.
""",
    REPLIES: """
# Rules about replies

The files of `[feedback] rules`, asked before the built-in ones; `feedback/rules/README.md` says how phrases are written.
""",
}

_NEEDED = {REPLIES: 'id = "x"\nmeans = "mailbox_full"\nevidence = "x"\n'}
"""What a rule must have before its other keys are looked at."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a configuration file: the `tables` (headers) that it stands under, how its value is written, its default."""

    file: str
    tables: tuple[str, ...]
    name: str
    kind: str
    default: str
    wrong: object

    @property
    def table(self) -> str:
        return self.tables[-1]

    @property
    def meaning(self) -> str | None:
        """What it means; None: nobody has said it."""
        said = MEANINGS.get(self.file, {}).get(self.table, {})
        base = self.name.removesuffix("_file")
        return said.get(self.name, f"A file to read `{base}` from." if base != self.name and base in said else None)

    def refusal(self) -> str | None:
        """What is said of a value that the key cannot have; None: nothing is."""
        given = f"{self.name} = {json.dumps(self.wrong)}"
        needed = "\n".join(
            line for line in _NEEDED.get(self.file, "").splitlines() if not line.startswith(f"{self.name} =")
        )
        faults = _faults(self.file, "\n".join([*self.tables, needed, given, ""]))
        place = [f".{self.name}:", f" {self.name}:", f"].{self.name}[", f"$.{self.name}`"]
        return next((fault for fault in faults if any(each in fault for each in place)), None)


def keys() -> list[Key]:
    """Every key of every file, in the order of its type."""
    return [
        *_of_model(CONFIGURATION, Settings, ()),
        *_of_model(TRAFFIC, TrafficRule, ("[[rule]]",)),
        *_of_replies(),
    ]


def _of_model(file: str, model: type[BaseModel], tables: tuple[str, ...]) -> Iterator[Key]:
    whole = model.model_json_schema()
    below = []
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        inner = _model_in(field.annotation)
        if inner is None:
            schema = _choice(whole["properties"][name], whole.get("$defs", {}))
            yield Key(file, tables, name, _kind(schema), _default(attribute, field, schema), _wrong(schema))
            continue
        brackets = ("[[", "]]") if get_origin(field.annotation) else ("[", "]")
        within = f"{tables[-1].strip('[]')}." if tables else ""
        below.append((inner, (*tables, f"{brackets[0]}{within}{name}{brackets[1]}")))
    for inner, deeper in below:
        yield from _of_model(file, inner, deeper)


def _of_replies() -> Iterator[Key]:
    _, found = msgspec.json.schema_components([ReplyRule])
    entry = found["RuleEntry"]
    for name, schema in entry["properties"].items():
        default = "required" if name in entry["required"] else _written(schema.get("default"))
        yield Key(REPLIES, ("[[rule]]",), name, _kind(schema), default, _wrong(schema))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)


def _choice(schema: Tree, types: Tree) -> Tree:
    """The schema itself where it refers to a type, and without the null that stands for an absent key."""
    found: Tree = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    return types[found["$ref"].rpartition("/")[2]] if "$ref" in found else found


def _kind(schema: Tree) -> str:
    match schema:
        case {"enum": list(values)}:
            return " or ".join(f"`{value}`" for value in values)
        case {"format": "password"}:
            return "text, secret"
        case {"format": form}:
            return str(form)
        case {"type": "array"}:
            return f"list of {_kind(schema.get('items', {}))}"
        case {"type": "integer" | "number" as number}:
            return _bounded({"integer": "whole number", "number": "number"}[number], schema)
        case {"type": "boolean"}:
            return "`true` or `false`"
        case _:
            return "text"


def _bounded(kind: str, schema: Tree) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    return f"{kind}, from {low}" if low is not None else kind


def _default(attribute: str, field: FieldInfo, schema: Tree) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "the machine's full name"
    if attribute.endswith("_timeout"):
        return _written(format_duration(getattr(Timeouts(), attribute.removesuffix("_timeout"))))
    value = field.default
    if isinstance(value, SecretStr):
        return _written(value.get_secret_value())
    if schema.get("format") == "duration" and value is not None:
        return _written(format_duration(value))
    return _written(value)


def _written(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def _wrong(schema: Tree) -> object:
    """A value that is not of its kind."""
    match schema:
        case {"type": "integer" | "number", "minimum": low}:
            return low - 1
        case {"enum": _} | {"format": "duration" | "rate"} | {"type": "boolean"}:
            return "perhaps"
        case _:
            return 1


def _faults(file: str, text: str) -> list[str]:
    """What is said of a file of this text."""
    if file == TRAFFIC:
        return read_text(file, text)[1]
    try:
        if file == REPLIES:
            parse({file: text})
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, file)
                path.write_text(text, encoding="utf-8")
                try:
                    load(path)
                except BadSettings as fault:
                    return [line.replace(f"{folder}/", "") for line in fault.faults]
    except BadPack as fault:
        return fault.faults
    return []


def reference() -> str:
    """The reference as it is written."""
    lines, file, table = [_OPENING], CONFIGURATION, ""
    for key in keys():
        if key.file != file:
            file, table = key.file, ""
            lines.append(_CHAPTERS[file])
        if key.table != table:
            table = key.table
            lines += [
                f"\n## `{table}`\n",
                "| key | type | default | meaning | a wrong value |",
                "|---|---|---|---|---|",
            ]
        said = (key.refusal() or "").replace("|", "\\|")
        lines.append(f"| `{key.name}` | {key.kind} | {key.default} | {key.meaning or ''} | `{said}` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
