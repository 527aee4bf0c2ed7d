"""One host: installed with `deploy/install`, run by its systemd, on its RabbitMQ and PostgreSQL."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.services.host import CHECKOUT, Host, private_host
from tests.services.start import wait_until

DEPLOY = CHECKOUT / "deploy"
UNITS = ("campaign-mta-tracker", "campaign-mta-console", "campaign-mta-worker@1", "campaign-mta-worker@2")
ROUTE = '\n[[route]]\ndomain = "*"\nhosts = ["127.0.0.1:2525"]\n'


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A host on which campaign-mta was installed, with a receiving server."""
    with private_host() as started:
        started.python("/opt/borrowed")
        started.run("mkdir", "-p", "/etc/campaign-mta")
        settings = (DEPLOY / "systemd" / "campaign-mta.toml").read_text()
        started.run("tee", "/etc/campaign-mta/campaign-mta.toml", given=settings + ROUTE)
        started.run(str(DEPLOY / "install"), "--venv", "/opt/borrowed", "--workers", "2")
        receiving = ["campaign-mta", "sink", "--port", "2525", "--store", "/var/tmp/sink"]
        started.run("systemd-run", "--unit=sink", *receiving)
        yield started


def send(host: Host, delivery: str, count: int) -> None:
    rows = "".join(f"reader{number}@x.example\n" for number in range(count))
    host.run("tee", "/var/tmp/list.csv", given="email\n" + rows)
    options = ("--mail-from", "bounce@news.example", "--recipients", "/var/tmp/list.csv")
    host.run("tee", "/var/tmp/mail.eml", given="From: news@news.example\nSubject: News\n\nHello.\n")
    host.run("campaign-mta", "send", "--delivery", delivery, *options, "--message", "/var/tmp/mail.eml")


def await_sent(host: Host, delivery: str, count: int) -> None:
    def sent() -> bool:
        found = json.loads(host.run("campaign-mta", "report", "--json", "--delivery", delivery))
        return bool(found) and found[0]["sent"] == count

    wait_until(sent, f"{count} of {delivery}", host.journal, 60)


def arrived(host: Host) -> int:
    return len(host.run("find", "/var/tmp/sink/new", "-type", "f").splitlines())


def sign(host: Host, selector: str) -> None:
    """Put a signing key in place, as the README says."""
    key = f"keys/news.example.{selector}.pem"
    host.run("sh", "-c", f"cd /etc/campaign-mta/keys && campaign-mta dkim keygen news.example {selector}")
    host.run("systemd-tmpfiles", "--create", "campaign-mta.conf")
    entry = f'\n[[dkim]]\ndomain = "news.example"\nselector = "{selector}"\nkey_file = "{key}"\n'
    host.run("tee", "-a", "/etc/campaign-mta/campaign-mta.toml", given=entry)
    host.run("systemctl", "restart", "campaign-mta-worker@1", "campaign-mta-worker@2")


def test_an_installed_host_signs_and_sends_while_a_worker_is_restarted_and_loses_nothing(host: Host) -> None:
    assert host.run("systemctl", "is-active", *UNITS).split() == ["active"] * 4
    environment = [
        "rabbitmqctl",
        "--quiet",
        "eval",
        "application:get_env(rabbit, dead_letter_worker_publisher_confirm_timeout).",
    ]
    assert host.run(*environment).strip() == "{ok,5000}"
    sign(host, "s2")
    send(host, "spring", 300)
    host.run("systemctl", "restart", "campaign-mta-worker@1")
    await_sent(host, "spring", 300)
    host.run("campaign-mta", "reconcile")
    assert arrived(host) == 300
    signed = host.run("grep", "--recursive", "--files-with-matches", "s=s2;", "/var/tmp/sink/new")
    assert len(signed.splitlines()) == 300


def test_a_stopped_worker_drains_and_ends_in_good_order(host: Host) -> None:
    host.run("systemctl", "stop", "campaign-mta-worker@2")
    ended = host.run("systemctl", "show", "campaign-mta-worker@2", "--property=Result,ExecMainStatus")
    assert set(ended.split()) == {"Result=success", "ExecMainStatus=0"}
    said = host.run("journalctl", "--output=cat", "--unit=campaign-mta-worker@2", "--lines=10")
    assert "draining" in said
    assert "stopped" in said
    host.run("systemctl", "start", "campaign-mta-worker@2")


def test_a_worker_answers_who_watches_it_and_tells_systemd_what_it_does(host: Host) -> None:
    status = ["systemctl", "show", "campaign-mta-worker@1", "--property=StatusText", "--value"]
    host.wait(status, "takes jobs")
    assert host.run("curl", "-s", "http://127.0.0.1:9111/readyz") == "ready\n"
    assert "process_cpu_seconds_total" in host.run("curl", "-s", "http://127.0.0.1:9111/metrics")


def test_the_units_can_read_no_secret_but_their_own_and_write_nowhere(host: Host) -> None:
    first = host.run("systemctl", "show", "campaign-mta-tracker", "--property=MainPID", "--value").strip()
    inside = [
        "nsenter",
        f"--target={first}",
        "--mount",
        "setpriv",
        "--reuid=campaign-mta",
        "--regid=campaign-mta",
        "--clear-groups",
    ]
    assert host.run(*inside, "ls", "/run/credentials/campaign-mta-tracker.service").split() == ["broker", "store"]
    for path in ("/etc/campaign-mta/secrets", "/etc/campaign-mta/keys"):
        host.run(*inside, "ls", path, expect=2)
    host.run(*inside, "touch", "/var/lib/campaign-mta/x", expect=1)


def test_a_wrong_configuration_is_said_once_and_not_started_again_and_again(host: Host) -> None:
    host.run("mkdir", "/run/systemd/system/campaign-mta-worker@2.service.d")
    wrong = "[Service]\nEnvironment=CAMPAIGN_MTA_WORKER__DRAIN=soon\n"
    host.run("tee", "/run/systemd/system/campaign-mta-worker@2.service.d/wrong.conf", given=wrong)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "campaign-mta-worker@2", expect=1)
    ended = host.run("systemctl", "show", "campaign-mta-worker@2", "--property=ActiveState,ExecMainStatus")
    assert set(ended.split()) == {"ActiveState=failed", "ExecMainStatus=2"}
    host.run("rm", "-r", "/run/systemd/system/campaign-mta-worker@2.service.d")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "campaign-mta-worker@2")


def test_a_worker_works_as_the_image_has_it_without_a_name_and_with_nothing_to_write_to(host: Host) -> None:
    said = (DEPLOY / "Dockerfile").read_text()
    environment = dict(re.findall(r"(CAMPAIGN_MTA_\w+)=(\S+)", said)) | {"HOME": "/"}
    for name, secret in (("BROKER", "mta-worker"), ("STORE", "store")):
        environment[f"CAMPAIGN_MTA_{name}__URL"] = host.run("cat", f"/etc/campaign-mta/secrets/{secret}.url").strip()
    environment["CAMPAIGN_MTA_CONFIG"] = "/var/tmp/contained.toml"
    host.run("tee", "/var/tmp/contained.toml", given=ROUTE)
    (user,) = re.findall(r"^USER (\d+):\d+$", said, re.MULTILINE)
    powerless = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        "--bounding-set=-all",
        "--no-new-privs",
    ]
    options = ["--unit=contained", "--remain-after-exit", "--property=ReadOnlyPaths=/"]
    options += [f"--setenv={name}={value}" for name, value in environment.items()]
    host.run("systemd-run", *options, *powerless, "/opt/borrowed/bin/campaign-mta", "worker")
    host.wait(["curl", "-s", "http://127.0.0.1:9117/readyz"], "ready")
    host.run("systemctl", "kill", "--signal=SIGTERM", "contained")
    host.wait(["systemctl", "show", "contained", "--property=SubState", "--value"], "exited")
    assert host.run("systemctl", "show", "contained", "--property=ExecMainStatus,Result").split() == [
        "Result=success",
        "ExecMainStatus=0",
    ]


def test_a_backup_put_back_accounts_for_every_job_and_remembers_what_was_sent(host: Host) -> None:
    send(host, "autumn", 40)
    await_sent(host, "autumn", 40)
    before = arrived(host)
    copy = host.run(str(DEPLOY / "backup")).strip()
    url = host.run("cat", "/etc/campaign-mta/secrets/store.url").strip()
    host.run("psql", "-qX", url, "-c", "DROP SCHEMA mta, tracker CASCADE")
    host.run("rm", "-r", "/etc/campaign-mta/keys")

    host.run(str(DEPLOY / "restore"), copy)

    host.run("ls", "/etc/campaign-mta/keys")
    said = host.run("campaign-mta", "reconcile", "--json", "--delivery", "autumn")
    assert json.loads(said)["deliveries"][0]["sent"] == 40
    send(host, "autumn", 41)
    await_sent(host, "autumn", 41)
    assert arrived(host) == before + 1


def test_a_backup_that_is_not_there_is_refused_before_anything_is_stopped(host: Host) -> None:
    host.run(str(DEPLOY / "restore"), "/var/tmp", expect=2)
    assert host.run("systemctl", "is-active", *UNITS).split() == ["active"] * 4
