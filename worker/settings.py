"""The configuration: read once, at the start of a command, into the small values that rooms own.

TOML, each key overridable by the environment (`CAMPAIGN_MTA_BROKER__URL` for `[broker] url`). A secret may be given as
`..._file`. All faults are reported at once, each with file and key. Relative paths are relative to the file.
"""

import ipaddress
import os
import socket
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mta.duration import parse_duration
from mta.envelope import parse_mailbox

DEFAULT_FILE = "campaign-mta.toml"


class BadSettings(Exception):
    """The configuration cannot be used; `faults` are lines for people, each naming file and key."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _duration(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise ValueError('a duration such as "30s", "5m" or "4h" is needed')
    return parse_duration(value)


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("must be more than 0")
    return seconds


Seconds = Annotated[
    float,
    BeforeValidator(_duration),
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "format": "duration"}),
]


def _url(value: str, schemes: tuple[str, ...]) -> str:
    if value.partition("://")[0] not in schemes:
        raise ValueError("must begin with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _WithUrl(_Section):
    url: SecretStr
    url_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: Any) -> Any:
        return _read_secret(given, "url")


def _read_secret(given: Any, key: str) -> Any:
    """`KEY_file` read into `KEY`; its faults are pydantic's to report."""
    if not isinstance(given, dict) or not isinstance(given.get(f"{key}_file"), str | Path) or not given[f"{key}_file"]:
        return given
    try:
        return {**given, key: Path(given[f"{key}_file"]).read_text(encoding="utf-8").strip()}
    except (OSError, UnicodeDecodeError) as fault:
        raise ValueError(f"{key}_file cannot be read: {fault}") from None


class Broker(_WithUrl):
    url: Annotated[
        SecretStr, AfterValidator(lambda v: SecretStr(_url(v.get_secret_value(), ("amqp", "amqps", "sqlite"))))
    ] = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "mta"


class Store(_WithUrl):
    url: Annotated[
        SecretStr, AfterValidator(lambda v: SecretStr(_url(v.get_secret_value(), ("postgresql", "postgres", "sqlite"))))
    ] = SecretStr("postgresql://mta@127.0.0.1/mta")


Helo = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9.\[\]:_-]+$")]
"""A name to greet with: it goes into a command as it stands."""


class Smtp(_Section):
    helo: Helo = Field(default_factory=socket.getfqdn)
    port: Annotated[int, Field(ge=1, le=65535)] = 25


class Dns(_Section):
    nameservers: list[str] = []
    allow_private_mx: bool = False


class Retry(_Section):
    first: Seconds = 300.0
    factor: Annotated[float, Field(ge=1.0, le=10.0)] = 2.0
    max: Seconds = 4 * 3600.0
    jitter: Annotated[float, Field(ge=0.0, le=0.9)] = 0.2


class Feedback(_Section):
    """How feedback is sent, and the operator's files of qualification rules, asked in this order before the built-in ones."""

    batch: Annotated[int, Field(ge=1, le=500)] = 500
    linger_ms: Annotated[int, Field(ge=0, le=10_000)] = 50
    rules: list[Path] = []


class RouteEntry(_Section):
    domain: Annotated[str, Field(min_length=1)]
    hosts: Annotated[list[str], Field(min_length=1)]
    site: str | None = None
    tls: Literal["none", "opportunistic", "required", "mta-sts", "dane"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: Any) -> Any:
        return _read_secret(given, "password")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password_file belong together")
        return self


class DkimEntry(_Section):
    domain: Annotated[str, Field(min_length=1)]
    selector: Annotated[str, Field(min_length=1)]
    key_file: Path


class Signing(_Section):
    """`without_key`: what becomes of a message whose author has no key here, once there are keys at all."""

    without_key: Literal["refuse", "unsigned"] = "refuse"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None


class SourceEntry(_Section):
    """`ramp`: the source is new, and warmed up to so many messages a day to each group of sites."""

    address: Annotated[str, AfterValidator(_address)] | None = None
    helo: Helo | None = None
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    ramp: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class PoolEntry(_Section):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    source: Annotated[list[SourceEntry], Field(min_length=1)]


class Traffic(_Section):
    rules: list[Path] = []


class Console(_Section):
    """Where the console listens, and who may come in: people with the password whose hash is here (`campaign-mta console
    --hash` makes it), programs with the token. Without either it does not start."""

    listen: str = "127.0.0.1:8025"
    password_hash: SecretStr | None = None
    password_hash_file: Path | None = None
    token: Annotated[SecretStr, Field(min_length=16, max_length=512)] | None = None
    token_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: Any) -> Any:
        return _read_secret(_read_secret(given, "password_hash"), "token")

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if self.password_hash and not self.password_hash.get_secret_value().startswith("$argon2id$"):
            raise ValueError("password_hash is not what campaign-mta console --hash prints")
        return self


def _listen(text: str) -> str:
    """`host:port`, with an IPv6 address in brackets; port 0 is any that is free."""
    host, colon, port = text.rpartition(":")
    if not host.strip("[]") or not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError('an address and port such as "127.0.0.1:9117" is needed')
    return text


class Metrics(_Section):
    """Where a worker answers Prometheus and health checks; nowhere by default. There is nobody to sign in: keep it local, or
    behind something. Of several processes under one, the first listens here, the others on the ports that follow."""

    listen: Annotated[str, AfterValidator(_listen)] | None = None


class Tracing(_Section):
    """Where spans of jobs go that came with a trace context: a collector that takes OTLP over HTTP. Needs the extra `otel`."""

    endpoint: Annotated[str, AfterValidator(lambda url: _url(url, ("http", "https")))] | None = None


class Worker(_Section):
    """How one worker process works. `in_flight` and `transactional_in_flight` bound the jobs it holds at once. Of the messages
    sent at the first attempt, the SMTP conversation of a `sample` is kept (0 none, 1 all); of all others it always is."""

    name: str | None = None
    drain: Seconds = 30.0
    in_flight: Annotated[int, Field(ge=1, le=100_000)] = 500
    transactional_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 100
    lease: Seconds = 10.0
    max_job: Annotated[int, Field(ge=1024, le=2**31)] = 50 * 2**20
    remember: Seconds = 7 * 86400.0
    sample: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01


class TlsReport(_Section):
    """Reports on TLS (RFC 8460) to the domains that want them. They are from `mail_from`, envelope and header, signed with
    its domain's key; `contact` is for people."""

    enabled: bool = False
    organisation: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    contact: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    mail_from: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mail_from and (fault := _reporting_fault(self.mail_from)):
            raise ValueError(f"mail_from {fault}")
        if missing := [
            key for key in ("organisation", "contact", "mail_from") if self.enabled and not getattr(self, key)
        ]:
            raise ValueError(f"enabled, so it needs {', '.join(missing)}")
        return self


def _reporting_fault(text: str) -> str | None:
    mailbox = parse_mailbox(text)
    if isinstance(mailbox, str):
        return mailbox
    return None if mailbox.local.isascii() else "is not ASCII before the @"


class Log(_Section):
    """`addresses`: mail addresses in log lines as they are, or hashed with `hash_key`, which all workers should share."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    addresses: Literal["plain", "hashed"] = "plain"
    hash_key: Annotated[SecretStr, Field(min_length=16, max_length=512)] | None = None
    hash_key_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, given: Any) -> Any:
        return _read_secret(given, "hash_key")

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if self.addresses == "hashed" and self.hash_key is None:
            raise ValueError("addresses are to be hashed, so it needs hash_key or hash_key_file")
        return self


class Settings(BaseSettings):
    """All there is to configure; each section's class says what its keys mean and which values they take."""

    model_config = SettingsConfigDict(
        env_prefix="CAMPAIGN_MTA_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    broker: Broker = Broker()
    store: Store = Store()
    smtp: Smtp = Field(default_factory=Smtp)
    dns: Dns = Dns()
    retry: Retry = Retry()
    feedback: Feedback = Feedback()
    route: list[RouteEntry] = []
    dkim: list[DkimEntry] = []
    signing: Signing = Signing()
    pool: list[PoolEntry] = []
    traffic: Traffic = Traffic()
    console: Console = Console()
    worker: Worker = Worker()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    log: Log = Log()
    tls_report: TlsReport = TlsReport()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the environment wins over the file

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [pool.name for pool in self.pool]
        if len(set(names)) != len(names):
            raise ValueError("pool: two pools have the same name")
        return self


def load(path: Path | None) -> Settings:
    """The settings from `path`, else `$CAMPAIGN_MTA_CONFIG`, else `./campaign-mta.toml` if there is one, else defaults.

    Raises:
        BadSettings: with every fault.
    """
    file = _chosen(path)
    try:
        return Settings(**(_absolute(_parse(file), file.resolve().parent) if file else {}))
    except ValidationError as fault:
        raise BadSettings([_line(file, error) for error in fault.errors()]) from None


def _chosen(path: Path | None) -> Path | None:
    if path is None and (named := os.environ.get("CAMPAIGN_MTA_CONFIG")):
        path = Path(named)
    if path is None:
        return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None
    return path


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BadSettings([f"{file}: cannot be read: {fault.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadSettings([f"{file}: not TOML: {fault}"]) from None


def _absolute(tree: Any, root: Path) -> Any:
    """The tree with the values of path keys made absolute."""
    match tree:
        case dict():
            return {key: _absolute_value(key, value, root) for key, value in tree.items()}
        case list():
            return [_absolute(item, root) for item in tree]
        case _:
            return tree


def _absolute_value(key: str, value: Any, root: Path) -> Any:
    if isinstance(value, str) and key.endswith("_file"):
        return str(root / value)
    if isinstance(value, str) and key == "url" and value.startswith("sqlite:///"):
        return "sqlite:///" + str(root / value.removeprefix("sqlite:///"))
    if isinstance(value, list) and key == "rules":
        return [str(root / item) if isinstance(item, str) else item for item in value]
    return _absolute(value, root)


def _line(file: Path | None, error: Any) -> str:
    """One fault. The environment and the file share a key's name, so the key is what is named first."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    said = "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return f"{file or 'environment'}: {key + ': ' if key else ''}{said}"
