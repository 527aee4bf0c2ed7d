"""The traffic rules in their order: an operator's files first, the built-in pack last; the first match wins."""

import fnmatch
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Self

from msgspec.structs import replace

from mta.routing.route import Route
from mta.traffic.entry import read_rule
from mta.traffic.rule import Rule, Start, TlsPolicy

BUILTIN = "builtin.toml"
_REMEMBERED = 65536
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class _Globs:
    """What a rule is compared with: one expression for each kind of name."""

    mx: re.Pattern[str]
    domain: re.Pattern[str]
    site: re.Pattern[str]

    @classmethod
    def of(cls, rule: Rule) -> Self:
        return cls(_globs(rule.mx), _globs(rule.domain), _globs(rule.site))

    def match(self, route: Route) -> bool:
        return bool(
            self.site.match(route.site.lower())
            or self.domain.match(route.domain)
            or any(self.mx.match(host.name) for host in route.hosts)
        )


class Rules:
    """Finds a route's rule. The last rule matches everything."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, _begun(rule, Start.BRISK), _begun(rule, Start.SEARCH), _Globs.of(rule)) for rule in rules]
        self.match = lru_cache(maxsize=_REMEMBERED)(self._match)

    @classmethod
    def read(cls, texts: Sequence[tuple[str, str]]) -> Self | list[str]:
        """The rules of these files (each name and text) and of the built-in pack behind them, or all faults at once, one
        a line: file, rule, key, reason."""
        pack = resources.files("mta.traffic").joinpath(BUILTIN).read_text(encoding="utf-8")
        rules: list[Rule] = []
        faults: list[str] = []
        for name, text in [*texts, (BUILTIN, pack)]:
            found, wrong = read_text(name, text)
            rules += found
            faults += wrong
        return faults or cls(rules)

    @property
    def all(self) -> list[Rule]:
        """Every rule, in the order of matching."""
        return [rule for rule, *_ in self._rules]

    def _match(self, route: Route) -> Rule:
        """The first rule with a glob for the site's name, the domain, or the name of one of the hosts. A `tls` of the
        route itself goes before the rule's. How a lane starts is the rule's word, else that of whoever named the hosts."""
        named, found = next((named, found) for _, named, found, globs in self._rules if globs.match(route))
        rule = named if route.static else found
        return rule if route.tls is None else replace(rule, tls=TlsPolicy(route.tls))


@dataclass(slots=True)
class RulesInForce:
    """The rules as they are now; others may take their place while the worker runs."""

    rules: Rules

    def match(self, route: Route) -> Rule:
        return self.rules.match(route)


def _begun(rule: Rule, start: Start) -> Rule:
    return rule if rule.start is not None else replace(rule, start=start)


def read_text(name: str, text: str) -> tuple[list[Rule], list[str]]:
    """The good rules of one file, and the faults of the others."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        return [], [f"{name}: no TOML: {fault}"]
    faults = [f"{name}: {key}: unknown key" for key in tables if key != "rule"]
    entries = tables.get("rule", [])
    if not isinstance(entries, list):
        return [], [*faults, f"{name}: rule: write [[rule]], a list"]
    rules: list[Rule] = []
    for number, entry in enumerate(entries, start=1):
        match read_rule(entry):
            case Rule() as rule if any(rule.name == earlier.name for earlier in rules):
                faults.append(f"{name}: rule {rule.name!r}: name: used by an earlier rule of this file")
            case Rule() as rule:
                rules.append(rule)
            case wrong:
                faults += [f"{name}: {_title(entry, number)}: {line}" for line in wrong]
    return rules, faults


def _title(entry: object, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"rule {name!r}" if isinstance(name, str) else f"rule number {number}"


def _globs(patterns: Sequence[str]) -> re.Pattern[str]:
    if not patterns:
        return _NOTHING
    return re.compile("|".join(fnmatch.translate(pattern.lower().rstrip(".")) for pattern in patterns))
