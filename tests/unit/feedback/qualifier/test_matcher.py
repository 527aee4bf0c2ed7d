"""What is filed is found: the same rule decides as if every rule were asked in turn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.qualifier import Qualifier, question
from feedback.qualifier.rule import Question, Rule
from feedback.wording import canonical
from mta.attempt import Phase

QUALIFIER = Qualifier.stock()
RULES = QUALIFIER.pack.rules
PHRASES = [phrase for rule in RULES for phrase in (*rule.phrases, *rule.unless)]
SAMPLES = [canonical(sample.reply[4:]) for rule in RULES for sample in (*rule.samples, *rule.not_samples)]
WORDS = sorted({word for sample in SAMPLES for word in sample.split()})
# Pieces of real sentences, so that phrases are nearly met, and met a second time.
pieces = st.builds(
    lambda sample, begin, length: " ".join(sample.split()[begin : begin + length]),
    st.sampled_from(SAMPLES),
    st.integers(0, 5),
    st.integers(1, 12),
)
texts = st.one_of(st.lists(pieces, max_size=6), st.lists(st.sampled_from(WORDS), max_size=40)).map(" ".join)


def in_turn(asked: Question) -> Rule | None:
    """The first rule that speaks for a reply, by the definition."""
    return next((rule for rule in RULES if rule.open_to(asked) and speaks(rule, asked.words)), None)


def speaks(rule: Rule, words: str) -> bool:
    said = not rule.phrases or any(phrase.pattern.search(words) for phrase in rule.phrases)
    return said and not any(phrase.pattern.search(words) for phrase in rule.unless)


@given(texts, st.sampled_from([421, 450, 451, 452, 550, 552, 553, 554]), st.sampled_from([*Phase]))
@settings(max_examples=400, deadline=None)
def test_the_rule_found_is_the_first_that_speaks(text: str, code: int, phase: Phase) -> None:
    asked = question(code, canonical(text), phase, frozenset())
    assert QUALIFIER.first(asked) is in_turn(asked)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_a_phrase_is_found_where_its_expression_matches_and_nowhere_else(text: str) -> None:
    words = question(550, canonical(text), Phase.RCPT, frozenset()).words
    spoken = frozenset(words.split())
    assert [phrase.source for phrase in PHRASES if phrase.found_in(words, spoken)] == [
        phrase.source for phrase in PHRASES if phrase.pattern.search(words)
    ]


def test_every_sample_is_decided_as_if_all_rules_were_asked_in_turn() -> None:
    for text in SAMPLES:
        asked = question(550, text, Phase.RCPT, frozenset())
        assert QUALIFIER.first(asked) is in_turn(asked)
