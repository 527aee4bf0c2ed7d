"""Receiving sites with limits of their own, in real time: the model that the simulator runs, behind real listeners.

One model, two clocks: `worker.simulation.site` decides, here it is asked by sessions. Each site has a port, where its
limits hold from the first octet; at the common port the recipient's domain says whose limits hold, and a connection counts
at a site from its first recipient there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from worker.simulation import site as model
from worker.simulation.scenario import Scenario, SiteEntry, allotted
from worker.simulation.site import Entrance, Fate, fate
from worker.sink.audit import Audit
from worker.sink.behaviour import ACCEPT, Answer, Ask, Moment

_EVENTS = {
    id(model.TAKEN): "accepted",
    id(model.UNKNOWN): "unknown",
    id(model.GREYLISTED): "greylisted",
    id(model.TRANSIENT): "transient",
    id(model.DOWN): "down",
    id(model.CROWDED): "crowded",
    id(model.TOO_FAST): "too_fast",
    id(model.USED_UP): "used_up",
    id(model.BLOCKED): "blocked",
    id(model.BLOCKED_AT_MAIL): "blocked",
}


@dataclass(slots=True)
class Site:
    """One site and its state. `began` is when its time began, on the clock of `Ask.now`."""

    name: str
    entry: SiteEntry
    seed: int
    audit: Audit
    began: float
    _entrances: dict[str, Entrance] = field(default_factory=dict)
    _fates: dict[str, Fate] = field(default_factory=dict)
    _mails: dict[int, int] = field(default_factory=dict)  # begun on each open connection

    def connect(self, ask: Ask) -> Answer:
        entrance = self._entrances.setdefault(ask.peer, Entrance(self.entry))
        refusal = entrance.connect(ask.now - self.began)
        if refusal is not None:
            return self._said(refusal, ask)
        self._mails[ask.connection] = 0
        self.audit.note("connect", self.name, ask.peer, entrance.open)
        return ACCEPT

    def has(self, ask: Ask) -> bool:
        """The connection is open here."""
        return ask.connection in self._mails

    def mail(self, ask: Ask) -> Answer:
        self._mails[ask.connection] += 1
        refusal = self._entrances[ask.peer].admit(ask.now - self.began, self._mails[ask.connection])
        return ACCEPT if refusal is None else self._said(refusal, ask)

    def rcpt(self, ask: Ask) -> Answer:
        known = self._fates.get(ask.rcpt)
        if known is None:
            known = fate(self.entry, Random(f"{self.seed}/{self.name}/{ask.rcpt}"))
            if self.entry.greylist is not None or known.transient:
                self._fates[ask.rcpt] = known
        return self._said(self._entrances[ask.peer].about(ask.now - self.began, known), ask)

    def taken(self, ask: Ask) -> Answer:
        self._note("taken", ask)
        return ACCEPT

    def close(self, ask: Ask) -> None:
        if self._mails.pop(ask.connection, None) is not None:
            self._entrances[ask.peer].open -= 1
            self._note("close", ask)

    def _said(self, answer: model.Answer, ask: Ask) -> Answer:
        self._note(_EVENTS[id(answer)], ask)
        if answer is model.TAKEN:
            return ACCEPT
        return Answer(reply=answer.reply, close=answer.closes)

    def _note(self, what: str, ask: Ask) -> None:
        self.audit.note(what, self.name, ask.peer, self._entrances[ask.peer].open)


@dataclass(frozen=True, slots=True)
class OwnPort:
    """`Behaviour` of a site's own listener."""

    site: Site

    def __call__(self, ask: Ask) -> Answer:
        match ask.moment:
            case Moment.CONNECT:
                return self.site.connect(ask)
            case Moment.MAIL:
                return self.site.mail(ask)
            case Moment.RCPT:
                return self.site.rcpt(ask)
            case Moment.DOT:
                return self.site.taken(ask)
            case Moment.CLOSED:
                self.site.close(ask)
                return ACCEPT


class CommonPort:
    """`Behaviour` of the listener for all sites. `latency`: of the listener itself; what a site has more comes at RCPT."""

    def __init__(self, sites: Sequence[Site], latency: float = 0.0) -> None:
        self._sites = sites
        self._latency = latency
        self._by_name = {site.name.lower(): site for site in sites}

    def __call__(self, ask: Ask) -> Answer:
        match ask.moment:
            case Moment.RCPT:
                site = self.site_of(ask.rcpt)
                return replace(self._rcpt(site, ask), delay=max(0.0, site.entry.latency - self._latency))
            case Moment.DOT:
                return self.site_of(ask.rcpt).taken(ask)
            case Moment.CLOSED:
                for site in self._sites:
                    site.close(ask)
        return ACCEPT

    def site_of(self, rcpt: str) -> Site:
        """The site that a recipient belongs to."""
        labels = rcpt.rpartition("@")[2].lower().split(".")
        for many in range(len(labels), 0, -1):
            for part in (labels[:many], labels[-many:]):
                if site := self._by_name.get(".".join(part)):
                    return site
        return self._sites[0]

    @staticmethod
    def _rcpt(site: Site, ask: Ask) -> Answer:
        if not site.has(ask) and not (opened := site.connect(ask)).accepts:
            return opened
        admitted = site.mail(ask)
        return site.rcpt(ask) if admitted.accepts else admitted


def sites_of(scenario: Scenario, audit: Audit, began: float) -> list[Site]:
    """All sites of a scenario, copies too."""
    return [Site(name, entry, scenario.seed, audit, began) for entry, name, _ in allotted(scenario)]
