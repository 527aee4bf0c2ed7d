"""Rule files: faults are named with file, rule and key; the check finds what is wrong with rules that can be read."""

import pytest

from feedback.qualifier import BadPack, Qualifier, parse
from feedback.qualifier.check import check, checked
from feedback.rules import built_in

RULE = {
    "id": '"one"',
    "means": '"user_unknown"',
    "evidence": '"seen"',
    "words": '["frob"]',
    "samples": '["550 Frob"]',
    "not_samples": '["550 Blob"]',
}


def written(layer: str = "text", **changes: str) -> str:
    return f'layer = "{layer}"\n[[rule]]\n' + "\n".join(
        f"{key} = {value}" for key, value in (RULE | changes).items() if value
    )


def faults(*texts: str) -> list[str]:
    return check(Qualifier(parse({f"{place}.toml": text for place, text in enumerate(texts)})))


def unread(text: str) -> list[str]:
    with pytest.raises(BadPack) as caught:
        parse({"rules.toml": text})
    return caught.value.faults


def test_the_built_in_pack_is_in_order() -> None:
    assert check(Qualifier.stock()) == []


def test_every_built_in_rule_has_samples_that_must_match_and_samples_that_must_not() -> None:
    assert [rule.id for rule in Qualifier.stock().pack.rules if not rule.samples or not rule.not_samples] == []


def test_every_built_in_rule_says_where_its_evidence_is() -> None:
    assert [rule.id for rule in Qualifier.stock().pack.rules if len(rule.evidence) < 8] == []


def test_a_rule_in_order_has_no_faults() -> None:
    assert faults(written()) == []


def test_a_sample_that_does_not_match_is_a_fault() -> None:
    assert faults(written(samples='["550 Frob", "550 Other"]')) == ["one: samples: '550 Other' is not matched"]


def test_a_sample_that_must_not_match_and_does_is_a_fault() -> None:
    assert faults(written(not_samples='["550 frob here"]')) == ["one: not_samples: '550 frob here' is matched"]


def test_two_rules_that_claim_a_sample_with_different_answers_are_a_fault() -> None:
    found = faults(written(), written(id='"two"', means='"mailbox_full"'))
    assert "two: samples: '550 Frob' is claimed by one, which says something else" in found


def test_a_rule_that_comes_too_late_is_a_fault() -> None:
    found = faults(written(), written(id='"two"'))
    assert "two: samples: '550 Frob' is decided by one before it comes to this rule" in found


def test_a_rule_that_no_sample_needs_is_a_fault() -> None:
    general = written("vague", id='"two"', words='["frob", "glob"]', samples='["550 Glob", "550 Frob"]')
    assert "one: no sample needs this rule: without it they mean the same" in faults(written(), general)


def test_a_phrase_that_no_sample_has_is_a_fault() -> None:
    assert faults(written(words='["frob", "glob"]')) == ["one: words: no sample has 'glob'"]


def test_an_operators_rule_may_say_otherwise_than_a_built_in_one() -> None:
    assert faults(written("operator", id='"ours"', means='"mailbox_full"'), written()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"means": '"nonsense"'}, "rules.toml: one: means: 'nonsense' is none of user_unknown"),
        ({"words": '["("]'}, "rules.toml: one: words: '(': cannot read '('"),
        ({"words": '[".. .. .. .. frob"]'}, "rules.toml: one: words: '.. .. .. .. frob': 4 gaps; at most 2"),
        (
            {"words": '["[a] [b] [c] [d] [e] [f] [g] [h] frob"]'},
            "rules.toml: one: words: '[a] [b] [c] [d] [e] [f] [g] [h] frob': 256 ways to match it",
        ),
        (
            {"words": '["(a|a a|a a a) .. (a|a*) .. (a|a a|b) frob"]'},
            "rules.toml: one: words: '(a|a a|a a a) .. (a|a*) .. (a|a a|b) frob': 588 ways to match it",
        ),
        ({"words": '["[frob]"]'}, "rules.toml: one: words: '[frob]': no word in it that must be there"),
        ({"words": '["frob ^ x"]'}, "rules.toml: one: words: 'frob ^ x': '^' stands at the beginning or nowhere"),
        ({"words": '["<nobody>"]'}, "rules.toml: one: words: '<nobody>': no list of words called 'nobody'"),
        ({"words": '["a+"]'}, "rules.toml: one: words: 'a+': 'a+' is not a word"),
        ({"unless": '["(a|)"]'}, "rules.toml: one: unless: '(a|)': an alternative without words"),
        ({"enhanced": '["7.1"]'}, "rules.toml: one: enhanced: '7.1' is not like '5.1.1'"),
        ({"reply": "[250]"}, "rules.toml: one: reply: 250 is neither"),
        ({"reply": '["6yz"]'}, "rules.toml: one: reply: '6yz' is neither"),
        ({"phase": '["lunch"]'}, "rules.toml: one: Invalid enum value 'lunch'"),
        ({"samples": "[]"}, "rules.toml: one: samples: a rule needs"),
        ({"words": ""}, "rules.toml: one: words: a rule without conditions"),
        ({"evidence": ""}, "rules.toml: one: Object missing required field `evidence`"),
        ({"colour": '"red"'}, "rules.toml: one: Object contains unknown field `colour`"),
    ],
)
def test_a_fault_is_named_with_file_rule_and_key(changes: dict[str, str], fault: str) -> None:
    [found] = unread(written(**changes))
    assert found.startswith(fault)


def test_all_faults_of_all_rules_are_named_at_once() -> None:
    assert len(unread(written(means='"x"', words='["("]') + written().removeprefix('layer = "text"') + "\n")) == 2


def test_text_that_is_no_toml_is_a_fault_of_its_file() -> None:
    [fault] = unread("[[rule]")
    assert fault.startswith("rules.toml: ")


def test_an_unknown_key_of_the_file_is_a_fault() -> None:
    assert unread('colour = "red"') == ["rules.toml: unknown key 'colour'"]


def test_an_unknown_layer_is_a_fault() -> None:
    [fault] = unread(written("sky"))
    assert fault.startswith("rules.toml: layer: 'sky' is none of operator, receiver")


def test_the_same_id_twice_is_a_fault() -> None:
    assert unread(written() + "\n" + written().removeprefix('layer = "text"')) == [
        "rules.toml: one: rules.toml has a rule of this name; give yours another"
    ]


def test_a_rule_with_the_id_of_a_built_in_one_is_refused_and_both_files_are_named() -> None:
    with pytest.raises(BadPack) as caught:
        parse({"ours.toml": written("operator", id='"user-unknown"')} | built_in())
    assert caught.value.faults == [
        "ours.toml: user-unknown: text-2-address.toml has a rule of this name; give yours another"
    ]


def test_a_list_with_the_name_of_a_built_in_one_is_refused() -> None:
    with pytest.raises(BadPack) as caught:
        parse({"ours.toml": '[list]\nwho = ["me"]\n'} | built_in())
    assert caught.value.faults == ["ours.toml: who: lists.toml has a list of this name; give yours another"]


@pytest.mark.parametrize("words", ["(a|a)*", "a+b+", "(x+x+)+y", "\\\\S*", "a{2,9}", ".*", "(?:a)", "[^a]", "a|b"])
def test_no_regular_expression_gets_in_as_a_phrase(words: str) -> None:
    """What repeats without bound, or nests, could take for ever on some reply."""
    [fault] = unread(written(words=f'["{words}"]'))
    assert fault.startswith("rules.toml: one: words: ")


def test_the_version_names_the_content() -> None:
    assert parse({"a": written()}).version == parse({"a": written()}).version
    assert parse({"a": written()}).version != parse({"a": written(means='"mailbox_full"')}).version


def test_a_broken_operators_file_names_itself_beside_the_built_in_ones() -> None:
    with pytest.raises(BadPack) as caught:
        parse(built_in() | {"ours.toml": written(means='"x"')})
    assert all(fault.startswith("ours.toml: ") for fault in caught.value.faults)


def test_a_reload_takes_files_that_are_in_order() -> None:
    assert checked({"ours.toml": written()}).pack.version == parse({"ours.toml": written()}).version


@pytest.mark.parametrize("text", [written(means='"x"'), written(samples='["550 Other"]')])
def test_a_reload_refuses_files_that_are_not_and_says_why(text: str) -> None:
    with pytest.raises(BadPack) as caught:
        checked({"ours.toml": text})
    assert caught.value.faults
