"""One `[[rule]]` of a rule file, checked key by key."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from mta.duration import parse_duration
from mta.traffic.quantity import parse_per, parse_rate
from mta.traffic.rule import Family, Reaction, Rule, Start, Timeouts, TlsPolicy


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write it as text, such as " + '"30s" or "100/min"')
    return value


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as fault:
        raise ValueError(f"no regular expression: {fault}") from None
    return text


def _form(name: str) -> WithJsonSchema:
    """How the value is written, for the reference of the configuration."""
    return WithJsonSchema({"type": "string", "format": name})


Duration = Annotated[float, Field(gt=0), BeforeValidator(lambda value: parse_duration(_text(value))), _form("duration")]
Rate = Annotated[float, BeforeValidator(lambda value: parse_rate(_text(value))), _form("rate")]
Trigger = Annotated[tuple[int, float], BeforeValidator(lambda value: parse_per(_text(value))), _form("rate")]
Expression = Annotated[str, Field(min_length=1), AfterValidator(_expression)]
Globs = tuple[Annotated[str, Field(min_length=1)], ...]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReactionEntry(_Entry):
    match: Expression
    action: Literal["slow", "suspend", "reduce_connections", "reduce_per_connection"]
    lasts: Duration = Field(alias="for")
    after: Trigger | None = None
    samples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _samples_match(self) -> "ReactionEntry":
        expression = re.compile(self.match, re.IGNORECASE)
        for sample in self.samples:
            if not expression.search(sample):
                raise ValueError(f"samples: does not match: {sample!r}")
        return self

    def reaction(self) -> Reaction:
        return Reaction(match=self.match, action=self.action, lasts=self.lasts, after=self.after, samples=self.samples)


class RuleEntry(_Entry):
    name: str = Field(min_length=1)
    mx: Globs = ()
    domain: Globs = ()
    site: Globs = ()
    connections: int = Field(default=10, ge=1, strict=True)
    messages_per_connection: int = Field(default=100, ge=1, strict=True)
    connection_age: Duration = 300.0
    rate: Rate | None = None
    tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC
    ip: Family = Family.ANY
    start: Start | None = None
    connect_timeout: Duration | None = None
    banner_timeout: Duration | None = None
    ehlo_timeout: Duration | None = None
    tls_timeout: Duration | None = None
    mail_timeout: Duration | None = None
    rcpt_timeout: Duration | None = None
    data_timeout: Duration | None = None
    block_timeout: Duration | None = None
    dot_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    transaction_timeout: Duration | None = None
    on_reply: tuple[ReactionEntry, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> "RuleEntry":
        if not (self.mx or self.domain or self.site):
            raise ValueError("mx, domain or site: none is given, so the rule matches nothing")
        return self

    def rule(self) -> Rule:
        given = self.model_dump(exclude_none=True)
        timeouts = {key.removesuffix("_timeout"): value for key, value in given.items() if key.endswith("_timeout")}
        return Rule(
            name=self.name,
            connections=self.connections,
            messages_per_connection=self.messages_per_connection,
            connection_age=self.connection_age,
            rate=self.rate,
            tls=self.tls,
            ip=self.ip,
            start=self.start,
            timeouts=Timeouts(**timeouts),
            reactions=tuple(entry.reaction() for entry in self.on_reply),
            mx=self.mx,
            domain=self.domain,
            site=self.site,
        )


def read_rule(entry: object) -> Rule | list[str]:
    """The rule, or its faults, each `key: reason`."""
    try:
        return RuleEntry.model_validate(entry).rule()
    except ValidationError as wrong:
        return [_line(fault) for fault in wrong.errors(include_url=False)]


def _line(fault: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    reason = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}" if where else str(reason)
