"""What may be ordered at the console, as forms and the API send it, checked before it becomes an order. Pure."""

import re
from typing import Annotated, Any, Literal, Self

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

from mta.duration import format_duration, parse_duration
from mta.traffic.quantity import parse_rate
from worker.orders.order import Cancellation, Ending, Limits, Matter, Order, Override, Suspension
from worker.orders.story import limits_in_words

MOST = 100_000
STORABLE = r"^[^\x00]*$"
"""PostgreSQL's texts may be anything but a NUL."""
_DURATION = r"^[1-9][0-9]{0,2}[smhd]$"
_RATE = r"^[1-9][0-9]{0,8}/(s|min|h)$"


def _like(pattern: str, words: str) -> tuple[BeforeValidator, Any]:
    """Text of this form; the description of the API has the pattern, people are told in words."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value.strip()):
            raise ValueError(words)
        return value.strip()

    return BeforeValidator(check), Field(json_schema_extra={"pattern": pattern})


def _bounded(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= MOST:
        raise ValueError(f"must be between 1 and {MOST:,}")
    return number


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("leave it out where there is none")
    return int(value) if isinstance(value, float) and value.is_integer() else value  # JSON knows no difference


Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~\u00a1-\u10ff]+$")]
Pool = Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)] | None
Why = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Duration = Annotated[str, *_like(_DURATION, "write a whole number up to 999 and s, m, h or d: 30m, 4h or 2d")]
Rate = Annotated[str, *_like(_RATE, "write n/s, n/min or n/h: 10/s, 600/min or 5000/h")]
Number = Annotated[
    int | None,
    BeforeValidator(_given),
    AfterValidator(_bounded),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST}),
]
OneRate = Annotated[Rate | None, BeforeValidator(_given), WithJsonSchema({"type": "string", "pattern": _RATE})]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Suspend(_Wish):
    """No new attempts towards `target`: a site, a domain, a lane, or a glob for such names. Without `for` it lasts until it
    is ended."""

    target: Name
    pool: Pool = None
    lasts: Duration | None = Field(None, alias="for")
    why: Why = ""

    def order(self, by: str, now: float) -> Order:
        until = None if self.lasts is None else now + parse_duration(self.lasts)
        return Suspension(target=self.target, pool=self.pool, since=now, until=until, by=by, why=self.why)

    def told(self) -> tuple[str, str, str]:
        lasts = f"for {_spoken(self.lasts)}" if self.lasts else "until resumed"
        return "suspend", _about(self.target, self.pool), _joined(lasts, self.why)


class Limit(_Wish):
    """Other limits for the lanes of `target`, whatever was learnt, for a while. A rate is `n/s`, `n/min` or `n/h`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("connections", "rate", "messages_per_connection")]
        }
    )

    target: Name
    pool: Pool = None
    lasts: Duration = Field(alias="for")
    connections: Number = None
    rate: OneRate = None
    messages_per_connection: Number = None
    why: Why = ""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.connections is None and self.rate is None and self.messages_per_connection is None:
            raise ValueError("name at least one limit: connections, rate or messages_per_connection")
        return self

    @property
    def _limits(self) -> Limits:
        return Limits(
            connections=self.connections,
            rate=None if self.rate is None else parse_rate(self.rate),
            messages_per_connection=self.messages_per_connection,
        )

    def order(self, by: str, now: float) -> Order:
        until = now + parse_duration(self.lasts)
        return Override(
            target=self.target, pool=self.pool, limits=self._limits, since=now, until=until, by=by, why=self.why
        )

    def told(self) -> tuple[str, str, str]:
        return (
            "override",
            _about(self.target, self.pool),
            _joined(f"{limits_in_words(self._limits)} for {_spoken(self.lasts)}", self.why),
        )


class End(_Wish):
    """The end of a suspension or an override that was ordered for just this target and pool."""

    matter: Literal["suspension", "override"]
    target: Name
    pool: Pool = None
    why: Why = ""

    def order(self, by: str, now: float) -> Order:
        matter: Matter = self.matter
        return Ending(matter=matter, target=self.target, pool=self.pool, since=now, by=by, why=self.why)

    def told(self) -> tuple[str, str, str]:
        what = "resume" if self.matter == "suspension" else "end override"
        return what, _about(self.target, self.pool), self.why


class Cancel(_Wish):
    """No new attempt for any message of a delivery, for good."""

    delivery_id: Annotated[str, Field(min_length=1, max_length=128, pattern=STORABLE)]
    why: Why = ""

    def order(self, by: str, now: float) -> Order:
        return Cancellation(delivery_id=self.delivery_id, since=now, by=by, why=self.why)

    def told(self) -> tuple[str, str, str]:
        return "cancel", f"delivery {self.delivery_id}", self.why


Wish = Suspend | Limit | End | Cancel

WISHES: dict[str, type[Suspend] | type[Limit] | type[End] | type[Cancel]] = {
    "suspend": Suspend,
    "override": Limit,
    "end": End,
    "cancel": Cancel,
}
"""By the names that forms use."""


def read(what: str, fields: dict[str, str]) -> Wish | list[str]:
    """What a form asks for, or its faults in words."""
    try:
        given = {name: value for name, value in fields.items() if value.strip()}
        return WISHES[what].model_validate(given, strict=False)
    except ValidationError as fault:
        return [_fault(error) for error in fault.errors()]


def _fault(error: Any) -> str:
    key = str(error["loc"][0]) if error["loc"] else ""
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{key.replace('_', ' ')}: {said}" if key else said


def _about(target: str, pool: str | None) -> str:
    return target if pool is None else f"{target}, pool {pool}"


def _spoken(duration: str) -> str:
    return format_duration(parse_duration(duration))


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
