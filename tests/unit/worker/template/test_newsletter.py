"""The test mails as templates, read back by the standard library."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from mta.message import Draft, crlf, draft
from worker.template import Template

MAILS = sorted((Path(__file__).parents[3] / "mails").glob("*.eml"))
ROW = {"first_name": 'Zoë "Z" & Søn', "email": "zoe+news@receiver.example"}


def newsletter() -> bytes:
    return next(path for path in MAILS if path.name == "newsletter.eml").read_bytes()


def filled() -> EmailMessage:
    template = Template.read(newsletter(), tuple(ROW))
    assert template.fault(ROW) is None
    message = email.message_from_bytes(template.fill(ROW), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_test_mail_is_legal_as_it_is_and_filled(path: Path) -> None:
    template = Template.read(path.read_bytes(), tuple(ROW))
    for octets in (path.read_bytes(), template.fill(ROW)):
        assert isinstance(draft(octets, job_id="j", accepted_at=0.0), Draft)
    plain = Template.read(path.read_bytes(), ("nobody",))
    assert plain.fill({"nobody": ""}) == crlf(path.read_bytes())


def test_the_newsletter_addresses_its_reader_in_every_place() -> None:
    message = filled()
    (reader,) = message["to"].addresses
    assert (reader.display_name, reader.addr_spec) == (ROW["first_name"], ROW["email"])
    assert f"a={ROW['email']}>" in message["list-unsubscribe"]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert 'good morning Zoë "Z" & Søn,' in plain.get_content()
    assert "Good morning, Zoë &quot;Z&quot; &amp; Søn</h1>" in html.get_content()
    assert "body { margin: 0; background: #f4f6f7;" in html.get_content()


def test_what_is_not_the_readers_stays_octet_for_octet() -> None:
    octets, segments = newsletter(), Template.read(newsletter(), tuple(ROW)).segments
    literal = [segment for segment in segments if isinstance(segment, bytes)]
    position = 0
    for segment in literal:
        found = octets.find(segment, position)
        assert found >= 0
        position = found + len(segment)
    assert sum(map(len, literal)) > len(octets) - 600
    assert octets.endswith(literal[-1])
