"""One mail's message while hosts are tried: composed when a session is ready for it, and again only for less."""

from mta.attempt import Broken, Phase, Trouble
from mta.dialogue import Line
from mta.smtp import Mail, Offers
from mta.smtp.command import safe
from mta.smtp.ended import Ended


class Letter:
    """A mail, and its message in the last form that was asked for. `dialogue`: what was said about it, to all hosts."""

    __slots__ = ("_checked", "_content", "dialogue", "mail")

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.dialogue: list[Line] = []
        self._content: bytes | None = None
        self._checked: Offers | None = None  # what they last were good for

    async def content(self, offers: Offers) -> bytes | Ended:
        """The octets for a server that offers this, or why they cannot be sent to it."""
        if self._content is not None and offers is self._checked:
            return self._content
        envelope = self.mail.envelope
        if not safe(envelope):
            return _impossible(Trouble.ILLEGAL_MESSAGE, "an address that servers read differently")
        if envelope.needs_smtputf8 and not offers.smtputf8:
            return _impossible(Trouble.NEEDS_SMTPUTF8, "the server does not take UTF-8 addresses or headers")
        content = self._content
        if content is None or not (offers.eightbitmime or content.isascii()):
            composed = await self.mail.compose(offers)
            if isinstance(composed, Broken):
                return Ended(Phase.MAIL, composed)
            self._content = content = composed
        if offers.size is not None and len(content) > offers.size:
            text = f"{len(content)} octets, the server takes at most {offers.size}"
            return _impossible(Trouble.TOO_LARGE, text)
        self._checked = offers
        return content


def _impossible(trouble: Trouble, text: str) -> Ended:
    return Ended(Phase.MAIL, Broken(trouble, text))
