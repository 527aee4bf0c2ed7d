"""The configuration: every fault at once, each with file and key; the environment over the file."""

from pathlib import Path

import pytest

from worker.settings import BadSettings, load

WRONG = [
    ('[broker]\nurl = "http://x"', "broker.url: must begin with amqp:// or amqps:// or sqlite://"),
    ('[broker]\nprefix = "a b"', "broker.prefix: String should match pattern '^[A-Za-z0-9_.-]{1,64}$'"),
    ('[broker]\nurl_file = "absent"', "broker: url_file cannot be read: [Errno 2] No such file or directory: 'absent'"),
    ('[store]\nurl = "mysql://x"', "store.url: must begin with postgresql:// or postgres:// or sqlite://"),
    ("[smtp]\nport = 0", "smtp.port: Input should be greater than or equal to 1"),
    ('[smtp]\nhelo = "a b"', "smtp.helo: String should match pattern '^[A-Za-z0-9.\\[\\]:_-]+$'"),
    ('[dns]\nnameservers = "127.0.0.1"', "dns.nameservers: Input should be a valid list"),
    ("[dns]\nallow_private_mx = 7", "dns.allow_private_mx: Input should be a valid boolean, unable to interpret input"),
    (
        '[retry]\nfirst = "soon"',
        "retry.first: 'soon' is no duration: write a number and ms, s, m, h or d, such as 30s, 5m or 2d",
    ),
    ('[retry]\nmax = "0s"', "retry.max: must be more than 0"),
    ("[retry]\nfactor = 0.5", "retry.factor: Input should be greater than or equal to 1"),
    ("[retry]\njitter = 1", "retry.jitter: Input should be less than or equal to 0.9"),
    ("[feedback]\nbatch = 501", "feedback.batch: Input should be less than or equal to 500"),
    ("[feedback]\nlinger_ms = -1", "feedback.linger_ms: Input should be greater than or equal to 0"),
    ("[feedback]\nrules = 7", "feedback.rules: Input should be a valid list"),
    ('[[route]]\ndomain = "x.example"', "route[0].hosts: Field required"),
    ('[log]\naddresses = "hashed"', "log: addresses are to be hashed, so it needs hash_key or hash_key_file"),
    ('[[route]]\ndomain = "x"\nhosts = ["h"]\nusername = "u"', "route[0]: username and password_file belong together"),
    ('[[route]]\ndomain = "x"\nhosts = ["h"]\ntls = "maybe"', None),
    ('[[dkim]]\ndomain = "x"\nselector = "s"', "dkim[0].key_file: Field required"),
    ('[[pool]]\nname = "p"\nsource = []', "pool[0].source: List should have at least 1 item after validation, not 0"),
    (
        '[[pool]]\nname = "p"\n[[pool.source]]\nweight = 0',
        "pool[0].source[0].weight: Input should be greater than or equal to 1",
    ),
    (
        '[[pool]]\nname = "p"\n[[pool.source]]\naddress = "mta1.example"',
        "pool[0].source[0].address: 'mta1.example' is no IP address",
    ),
    (
        '[[pool]]\nname = "p"\n[[pool.source]]\nhelo = "a\\r\\nRSET"',
        "pool[0].source[0].helo: String should match pattern '^[A-Za-z0-9.\\[\\]:_-]+$'",
    ),
    ('[smtp]\nhelo = "a\\n"', "smtp.helo: String should match pattern '^[A-Za-z0-9.\\[\\]:_-]+$'"),
    ('[signing]\nwithout_key = "maybe"', None),
    ("[worker]\ndrain = true", 'worker.drain: a duration such as "30s", "5m" or "4h" is needed'),
    ("[worker]\nin_flight = 0", "worker.in_flight: Input should be greater than or equal to 1"),
    ('[log]\nlevel = "loud"', None),
    ("[tls_report]\nenabled = true", "tls_report: enabled, so it needs organisation, contact, mail_from"),
    ('[tls_report]\nmail_from = "x"', "tls_report: mail_from has no domain"),
    ('[tls_report]\nmail_from = "ü@x.example"', "tls_report: mail_from is not ASCII before the @"),
    ('[tls_report]\ncontact = "a\\nb"', None),
    ('[metrics]\nlisten = "9117"', 'metrics.listen: an address and port such as "127.0.0.1:9117" is needed'),
    ('[metrics]\nlisten = "127.0.0.1:99999"', 'metrics.listen: an address and port such as "127.0.0.1:9117" is needed'),
    ("[nonsense]\na = 1", "nonsense: unknown key"),
    ("[smtp]\nhello = 1", "smtp.hello: unknown key"),
]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMPAIGN_MTA_CONFIG", raising=False)


def write(folder: Path, text: str) -> Path:
    file = folder / "campaign-mta.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(file: Path) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load(file)
    return caught.value.faults


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_value_is_refused_with_file_key_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str | None
) -> None:
    file = write(tmp_path, text)
    [fault] = faults(file)
    assert fault.startswith(f"{file}: ")
    if words is not None:
        assert fault.replace(f"{tmp_path}/", "") == f"campaign-mta.toml: {words}"


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, '[smtp]\nport = 0\nhello = 1\n[retry]\nfirst = "soon"\n')
    assert [fault.split(": ")[1] for fault in faults(file)] == ["smtp.port", "smtp.hello", "retry.first"]


def test_what_is_no_toml_is_said_with_its_place(tmp_path: Path) -> None:
    [fault] = faults(write(tmp_path, "[smtp\n"))
    assert "not TOML" in fault
    assert "line 1" in fault


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.toml") == [f"{tmp_path}/none.toml: cannot be read: No such file or directory"]


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, '[broker]\nurl = "amqp://file/"\nprefix = "p"\n')
    monkeypatch.setenv("CAMPAIGN_MTA_BROKER__URL", "amqp://environment/")
    broker = load(file).broker
    assert (broker.url.get_secret_value(), broker.prefix) == ("amqp://environment/", "p")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("amqps://u:p@broker/\n")
    settings = load(
        write(
            tmp_path,
            '[broker]\nurl_file = "secret"\n[store]\nurl = "sqlite:///store.db"\n[traffic]\nrules = ["t.toml"]\n[feedback]\nrules = ["b.toml"]\n'
            '[[dkim]]\ndomain = "d"\nselector = "s"\nkey_file = "keys/s.pem"\n',
        )
    )
    assert settings.broker.url.get_secret_value() == "amqps://u:p@broker/"
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/store.db"
    assert settings.traffic.rules == [tmp_path / "t.toml"]
    assert settings.feedback.rules == [tmp_path / "b.toml"]
    assert settings.dkim[0].key_file == tmp_path / "keys/s.pem"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_MTA_CONFIG", str(write(tmp_path, '[smtp]\nhelo = "mta.example"\n')))
    assert load(None).smtp.helo == "mta.example"


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[broker]\nurl = "amqp://u:hush@b/"\n[[route]]\ndomain = "x"\nhosts = ["h"]\nusername = "u"\npassword = "hush"\n',
    )
    assert "hush" not in repr(load(file))


def test_tls_reports_are_off_until_they_are_wanted(tmp_path: Path) -> None:
    assert not load(write(tmp_path, "")).tls_report.enabled
    text = '[tls_report]\nenabled = true\norganisation = "X"\ncontact = "c@x.example"\nmail_from = "t@x.example"\n'
    assert load(write(tmp_path, text)).tls_report.enabled
