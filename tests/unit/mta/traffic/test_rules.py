"""Rule files are read whole, their faults told at once, and the first rule that matches holds."""

import pytest

from mta.attempt import Phase
from mta.routing.route import Host, Route
from mta.traffic.rule import Rule, TlsPolicy
from mta.traffic.rules import Rules
from mta.traffic.signal import Kind, by_reaction, read_signal, signal_of
from tests.unit.mta.traffic.site import refused


def rules(text: str = "") -> Rules:
    read = Rules.read([("traffic.toml", text)])
    assert isinstance(read, Rules), read
    return read


def faults(text: str) -> list[str]:
    read = Rules.read([("traffic.toml", text)])
    assert isinstance(read, list)
    return read


def route(*hosts: str, domain: str = "example.net", site: str = "example.net", tls: str | None = None) -> Route:
    return Route(site=site, domain=domain, hosts=tuple(Host(name) for name in hosts), tls=tls)


FULL = """
[[rule]]
name = "google"
mx = ["*.google.com"]
connections = 7
messages_per_connection = 3
connection_age = "2m"
rate = "600/min"
tls = "mta-sts"
connect_timeout = "20s"
data_timeout = "5m"
idle_timeout = "2s"
  [[rule.on_reply]]
  match = "unusual rate"
  action = "slow"
  for = "30m"
  after = "2/h"
  samples = ["421 4.7.28 Our system has detected an Unusual Rate of mail"]
"""


def test_every_key_of_a_rule_reaches_its_place() -> None:
    rule = rules(FULL).match(route("aspmx.l.google.com"))
    assert (rule.name, rule.connections, rule.messages_per_connection, rule.rate) == ("google", 7, 3, 10.0)
    assert rule.connection_age == 120.0
    assert rule.tls is TlsPolicy.MTA_STS
    assert (rule.timeouts.connect, rule.timeouts.data, rule.timeouts.idle, rule.timeouts.dot) == (20, 300, 2, 600)
    assert (rule.reactions[0].lasts, rule.reactions[0].after) == (1800, (2, 3600))


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        ("aspmx.l.google.com", "google"),
        ("hotmail-com.olc.protection.outlook.com", "outlook"),
        ("contoso-com.mail.protection.outlook.com", "microsoft365"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("mx1.comcast.net", "comcast"),
        ("smtp-in.orange.fr", "france"),
        ("mx00.kundenserver.de", "unitedinternet"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mxa-1.gslb.pphosted.com", "filters"),
        ("mx3.qq.com", "china"),
        ("mxs.mail.ru", "russia"),
        ("mx.example.org", "any"),
        ("127.0.0.1", "any"),
        ("notgoogle.com", "any"),
    ],
)
def test_the_built_in_pack_knows_the_large_receivers_by_their_hosts(hosts: str, name: str) -> None:
    assert rules().match(route(hosts)).name == name


def test_an_operators_rule_goes_before_the_pack_and_earlier_rules_before_later_ones() -> None:
    read = rules(
        '[[rule]]\nname = "a"\ndomain = ["*.example.com"]\n'
        '[[rule]]\nname = "b"\nsite = ["partner"]\n'
        '[[rule]]\nname = "c"\nmx = ["*.google.com"]\n'
    )
    assert read.match(route("x.google.com", domain="news.example.com", site="partner")).name == "a"
    assert read.match(route("x.google.com", domain="example.com", site="Partner")).name == "b"
    assert read.match(route("x.google.com")).name == "c"


def test_one_host_among_several_is_enough() -> None:
    assert rules().match(route("mx.example.net", "aspmx.l.google.com")).name == "google"


def test_a_route_without_hosts_has_the_last_rule() -> None:
    assert rules().match(route()).name == "any"


def test_a_routes_own_tls_goes_before_the_rules() -> None:
    read = rules()
    assert read.match(route("x.google.com", tls="none")).tls is TlsPolicy.NONE
    assert read.match(route("x.google.com")).tls is TlsPolicy.REQUIRED


def test_all_faults_are_told_at_once_with_file_rule_key_and_reason() -> None:
    found = faults(
        """
colour = "red"
[[rule]]
name = "a"
mx = ["*"]
conections = 3
connections = 0
rate = "fast"
connect_timeout = 30
tls = "maybe"
  [[rule.on_reply]]
  match = "("
  action = "stop"
  for = "soon"
  after = "0/h"
[[rule]]
name = "b"
mx = ["*"]
  [[rule.on_reply]]
  match = "rate"
  action = "slow"
  for = "1m"
  samples = ["421 rate", "421 too fast"]
[[rule]]
name = "c"
[[rule]]
mx = ["*"]
[[rule]]
name = "b"
mx = ["*"]
"""
    )
    wanted = [
        "traffic.toml: colour: unknown key",
        "rule 'a': conections: unknown key",
        "rule 'a': connections: ",
        "rule 'a': rate: 'fast'",
        "rule 'a': connect_timeout: write it as text",
        "rule 'a': tls: ",
        "rule 'a': on_reply[0].match: no regular expression",
        "rule 'a': on_reply[0].action: ",
        "rule 'a': on_reply[0].for: 'soon'",
        "rule 'a': on_reply[0].after: '0/h'",
        "rule 'b': on_reply[0]: samples: does not match: '421 too fast'",
        "rule 'c': mx, domain or site: ",
        "rule number 4: name: ",
    ]
    for text in wanted:
        assert [line for line in found if line.startswith("traffic.toml: ") and text in line], (text, found)
    assert len(found) == len(wanted)


def test_a_name_stands_once_in_a_file() -> None:
    twice = '[[rule]]\nname = "a"\nmx = ["*"]\n' * 2
    assert faults(twice) == ["traffic.toml: rule 'a': name: used by an earlier rule of this file"]


@pytest.mark.parametrize("text", ["[[rule]", 'rule = "x"', "rule = [3]", "[rule]"])
def test_what_is_no_list_of_rules_is_a_fault(text: str) -> None:
    assert faults(text)


def builtin_samples() -> list[tuple[Rule, int, str]]:
    return [
        (rule, number, sample)
        for rule in rules().all
        for number, reaction in enumerate(rule.reactions)
        for sample in reaction.samples
    ]


@pytest.mark.parametrize(("rule", "number", "sample"), builtin_samples(), ids=lambda value: str(value)[:40])
def test_each_sample_of_the_pack_finds_the_reaction_it_stands_under(rule: Rule, number: int, sample: str) -> None:
    signal = signal_of(sample, Phase.MAIL, rule)
    assert signal.reaction is rule.reactions[number] or signal == by_reaction(rule.reactions[number])


def test_the_pack_takes_nobodys_unknown_user_for_traffic() -> None:
    for rule in rules().all:
        assert read_signal(refused(550, "5.1.1 No such user here"), rule).kind is Kind.CLEAR
