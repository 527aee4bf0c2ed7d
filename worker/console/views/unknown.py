"""Kinds of replies that no rule knows, with a rule to begin from. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from feedback.qualification import Qualification
from feedback.qualifier.meaning import MEANINGS
from feedback.qualifier.unknown import Key, Ledger, Unknown, listed
from feedback.unknown.row import id_of
from feedback.wording import words
from worker.console.views.wording import words as shown

_MOST = 6
"""Words of a phrase."""

Meaning = Callable[[Key, Unknown], Qualification]
"""What a kind is taken for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """A kind of reply to qualify; `taken_for`: what it means until a rule knows it; `hint`: a rule to begin from, as TOML."""

    id: str
    count: int
    code: int
    phase: str
    canonical: str
    site: str
    first_at: float
    last_at: float
    example: str
    taken_for: str
    hint: str


def waiting(ledger: Ledger, meaning: Meaning) -> list[KindRow]:
    """What waits for an operator, the most frequent first."""
    found = ((key, kind, meaning(key, kind)) for key, kind in listed(ledger))
    return [_kind(key, kind, means) for key, kind, means in found if means.to_qualify]


def _kind(key: Key, kind: Unknown, means: Qualification) -> KindRow:
    return KindRow(
        id=id_of(key),
        count=kind.count,
        code=key.code,
        phase=key.phase,
        canonical=key.canonical,
        site=kind.site,
        first_at=kind.first_at,
        last_at=kind.last_at,
        example=kind.example,
        taken_for=_said(means),
        hint=hint(key, kind),
    )


def _said(means: Qualification) -> str:
    code, reason = means.code.name.lower(), means.reason.name.lower()
    return f"{shown(code)}; reason {shown(reason)}; for the address {means.type}"


def hint(key: Key, kind: Unknown) -> str:
    """A rule that would know this kind, but for what it means, which only an operator can say."""
    lines = [
        "[[rule]]",
        f'id = "operator-{id_of(key)}"',
        'means = "?"',
        'evidence = "seen in our own log"',
        f'phase = ["{key.phase}"]',
        f"reply = [{key.code}]",
        f"words = [{_quoted(phrase(key.canonical))}]",
        f"samples = [{_quoted(kind.example)}]",
    ]
    return "\n".join(lines)


def meanings() -> list[str]:
    """What a rule may say that a reply means."""
    return sorted(MEANINGS)


def phrase(canonical: str) -> str:
    """The longest run of plain words in a canonical text, cut to a few."""
    runs: list[list[str]] = [[]]
    for word in words(canonical).split():
        if word.isalpha():
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return " ".join(max(runs, key=len)[:_MOST])


def _quoted(text: str) -> str:
    """A TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in plain) + '"'
