"""Which of a host's addresses are tried."""

import pytest

from mta.smtp.dial import eligible
from mta.traffic.rule import Family

FOUND = ("192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2")


@pytest.mark.parametrize(
    ("family", "tried"),
    [
        (Family.ANY, FOUND),
        (Family.IPV4, ("192.0.2.1", "192.0.2.2")),
        (Family.IPV6, ("2001:db8::1", "2001:db8::2")),
        (Family.IPV4_FIRST, ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")),
        (Family.IPV6_FIRST, ("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2")),
    ],
)
def test_a_rule_chooses_the_family(family: Family, tried: tuple[str, ...]) -> None:
    assert tuple(eligible(FOUND, None, family)) == tried


def test_a_family_without_a_source_is_not_tried_whatever_the_rule_prefers() -> None:
    assert eligible(FOUND, "192.0.2.9", Family.IPV6_FIRST) == ["192.0.2.1", "192.0.2.2"]
    assert eligible(FOUND, "2001:db8::9", Family.IPV4) == []
