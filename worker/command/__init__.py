"""The commands of `campaign-mta`, in one list; each does its work in a module that is imported when it is called."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.settings import BadSettings, Settings, load
from worker.sink.behaviour import HELP as SINK_BEHAVIOUR
from worker.sink.behaviour import POLICY_HELP as SINK_POLICY

app = typer.Typer(
    name="campaign-mta",
    help="An asynchronous MTA worker that a campaign service trusts with its mail.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration; default: $CAMPAIGN_MTA_CONFIG, ./campaign-mta.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OneDelivery = Annotated[str | None, typer.Option("--delivery", metavar="ID", help="This delivery only.")]


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration."""
    try:
        app()
    except BadSettings as fault:
        sys.exit(_say(str(fault), 2))
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        sys.exit(_say(f"campaign-mta: {where}{fault.strerror or fault}", 1))
    except Exception as fault:  # noqa: BLE001 - the outermost handler, one of two broad ones in all
        sys.exit(_say(f"campaign-mta: {fault or type(fault).__name__}", 1))


def _leave(number: int, _: object) -> None:
    """Told to stop before there is anything in hand; who takes something in hand listens for itself."""
    sys.exit(0)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def settled(config: Path | None) -> Settings:
    """The settings, with logs configured as they say."""
    from worker import logging

    settings = load(config)
    key = settings.log.hash_key if settings.log.addresses == "hashed" else None
    hashed = logging.Hashed(key.get_secret_value()) if key else None
    logging.configure(settings.log.format, settings.log.level, hashed=hashed)
    return settings


@app.command()
def demo(config: Config = None) -> None:
    """Send a wave of 1,000 mails with mixed fates through an embedded queue and store to a local sink. Needs nothing."""
    from worker.command.demo import run

    raise typer.Exit(run())


@app.command()
def worker(
    config: Config = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Worker processes under this one.")] = 1,
) -> None:
    """Consume send jobs, send the mails, report their fate. SIGTERM drains and exits 0."""
    signal.signal(signal.SIGTERM, _leave)
    from worker.command.worker import run

    raise typer.Exit(run(settled(config), config, processes))


@app.command()
def tracker(
    anew: Annotated[
        bool, typer.Option("--recount", help="Make all figures anew from the delivery log, and end. Others may run on.")
    ] = False,
    config: Config = None,
) -> None:
    """The reference campaign tracker: keep the delivery log and the figures from the feedback queue, until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    if anew:
        from worker.command.tracker import recount as run
    else:
        from worker.command.tracker import run

    raise typer.Exit(run(settled(config)))


@app.command()
def send(
    delivery: Annotated[str, typer.Option("--delivery", metavar="ID", help="The delivery's id.")],
    mail_from: Annotated[str, typer.Option("--mail-from", metavar="A", help="Envelope sender.")],
    recipients: Annotated[Path, typer.Option("--recipients", metavar="FILE.csv", help="CSV with a column `email`.")],
    message: Annotated[Path, typer.Option("--message", metavar="FILE.eml", help="The message; {column} is replaced.")],
    waves: Annotated[str | None, typer.Option("--waves", metavar="SPEC", help="Such as 30%/2d or 10%,20%+12h.")] = None,
    priority: Annotated[str, typer.Option("--priority", help="bulk or transactional.")] = "bulk",
    pool: Annotated[str, typer.Option("--pool", metavar="P", help="Egress pool.")] = "default",
    validity: Annotated[str | None, typer.Option("--validity", metavar="D", help="Such as 24h; at most 84h.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Enqueue a delivery. Sending the same list again sends nothing twice."""
    from worker.command.send import Order, run

    order = Order(
        delivery=delivery,
        mail_from=mail_from,
        recipients=recipients,
        message=message,
        waves=waves,
        priority=priority,
        pool=pool,
        validity=validity,
    )
    raise typer.Exit(run(settled(config), order, json))


@app.command()
def report(
    delivery: OneDelivery = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts, in one file, instead.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """A delivery's figures and breakdowns, from the tracker's store."""
    from worker.command.report import run

    raise typer.Exit(run(settled(config), delivery, json, html))


@app.command()
def reconcile(delivery: OneDelivery = None, config: Config = None, json: Json = False) -> None:
    """Prove accepted = sent + failed + cancelled + in flight from both logs; name every job that breaks it."""
    from worker.command.reconcile import run

    raise typer.Exit(run(settled(config), delivery, json))


QUALIFY_LINES = """Each line of the input is an object: reply, the only member required, is a
reply as a server gave it ("550 5.1.1 User unknown"; lines of a long reply
joined by blanks) or as another MTA logged it; phase is where it was given
(dns connect banner ehlo starttls auth mail rcpt data body rset; default:
what the line says, else rcpt); mx is the host that gave it and domain the
recipient's, for the rules of single receivers. Other members are ignored.

Each line of the output answers one of the input, in order: code, name, type
(hard, soft, ignored), reason, reason_name, rule (with the version of the
rules), to_qualify, retry (whether the message is tried again) and signal
(what the reply says about the site's traffic). A line that cannot be read is
answered with line (its number) and error; the exit code is then 1."""


@app.command(epilog=QUALIFY_LINES)
def qualify(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="As it always does.")] = False,
) -> None:
    """JSON lines in, JSON lines out: what replies mean for recipient, message and site."""
    from worker.command.qualify import run

    raise typer.Exit(run(settled(config)))


@app.command(epilog=SINK_BEHAVIOUR + "\n" + SINK_POLICY)
def sink(
    port: Annotated[int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 picks a free one.")] = 2525,
    host: Annotated[str, typer.Option("--host", metavar="A", help="Address to listen on.")] = "127.0.0.1",
    store: Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Keep the mails as a Maildir.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="Offer STARTTLS with this.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="PEM", help="Its key, if elsewhere.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Behave like the sites of this scenario.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="A JSON line for each event of a policy's sites.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """A local SMTP sink for integration tests. With --json the first line printed is {"host", "port"}."""
    from worker.command.sink import Place, run

    place = Place(host=host, port=port, store=store, certificate=tls_cert, key=tls_key, policy=policy, audit=audit)
    raise typer.Exit(run(place, json))


@app.command("simulate")
def simulate_command(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.toml")],
    controller: Annotated[
        list[str] | None,
        typer.Option("--controller", metavar="NAME", help="adaptive, static, postfix or kumomta; repeatable."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw rate, hidden limit and refusals over time.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run the traffic control against modelled receiving sites in virtual time."""
    from worker.command.simulate import run

    raise typer.Exit(run(scenario, controller or ["adaptive"], json, plot))


@app.command()
def doctor(config: Config = None, json: Json = False) -> None:
    """Check configuration, broker, store, DNS, keys and source addresses, and say what to mend."""
    from worker.command.doctor import run

    raise typer.Exit(run(settled(config), json))


Target = Annotated[
    str,
    typer.Argument(
        metavar="DOMAIN-OR-SITE",
        help="A site, a recipient's domain, a lane (POOL/SOURCE>SITE), or a glob for one of them, such as '*.example.net'.",
    ),
]
OnePool = Annotated[str | None, typer.Option("--pool", metavar="P", help="This egress pool only; default: all.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="For those who look at it later.")]


@app.command()
def suspend(
    target: Target,
    pool: OnePool = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="D", help="Such as 30m; default: until it is resumed.")
    ] = None,
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Start no new attempt towards a site or domain: in all workers within 2 seconds. Messages under way are finished.

    What is held back stays queued, no attempt is counted, and it still expires on time.
    A site that nobody has seen yet can be suspended in advance. The newest order on a target and pool holds.
    """
    from worker.command import orders

    raise typer.Exit(orders.suspend(settled(config), orders.Wish(target=target, pool=pool, lasts=lasts, why=why), json))


@app.command()
def resume(target: Target, pool: OnePool = None, why: Why = "", config: Config = None, json: Json = False) -> None:
    """Let mail go again to what was suspended under just this name; without --pool, for every pool it was suspended for.

    Held messages come back within half the time the site was suspended, 12 seconds at least and 6 minutes at most.
    Exit code 1: nothing is suspended under this name.
    """
    from worker.command import orders

    raise typer.Exit(orders.resume(settled(config), orders.Wish(target=target, pool=pool, why=why), json))


@app.command()
def override(
    target: Target,
    pool: OnePool = None,
    connections: Annotated[
        int | None, typer.Option("--connections", metavar="N", min=1, max=100_000, help="At the same time.")
    ] = None,
    rate: Annotated[str | None, typer.Option("--rate", metavar="R", help="Messages: n/s, n/min or n/h.")] = None,
    messages_per_connection: Annotated[
        int | None, typer.Option("--messages-per-connection", metavar="N", min=1, max=100_000)
    ] = None,
    lasts: Annotated[str | None, typer.Option("--for", metavar="D", help="Such as 2h; then it ends by itself.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End an override given before.")] = False,
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Put other limits in the place of a site's own, rule and learnt ones alike, for a time: in all workers within 2 seconds.

    They hold per egress source and over all workers; what is not given stays the rule's.
    What the traffic control has learnt of the site is kept as it is until the override ends.
    A domain stands for the site that serves it.
    """
    from worker.command import orders

    wish = orders.Wish(
        target=target,
        pool=pool,
        lasts=lasts,
        why=why,
        connections=connections,
        rate=rate,
        messages_per_connection=messages_per_connection,
    )
    raise typer.Exit((orders.end_override if end else orders.override)(settled(config), wish, json))


@app.command()
def cancel(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY_ID")],
    why: Why = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Call a delivery off, for good: no new attempt in any worker after 2 seconds; every job that is not settled yet ends
    with one `cancelled` event.

    A job that the receiver may have taken without our knowing is cancelled with `in_doubt` true.
    Jobs that come up later are accepted and cancelled at once.
    It cannot be taken back: send under another id.
    """
    from worker.command import orders

    raise typer.Exit(orders.cancel(settled(config), delivery, why, json))


@app.command("orders")
def orders_command(
    history: Annotated[
        bool, typer.Option("--history", help="The last 200 orders, ended ones too: who, what, when.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """List the suspensions, overrides and cancellations in force."""
    from worker.command.orders import listed

    raise typer.Exit(listed(settled(config), history, json))


@app.command()
def console(
    hash: Annotated[
        bool, typer.Option("--hash", help="Ask for a password, print its hash for the configuration.")
    ] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the OpenAPI description of the console's API.")
    ] = False,
    config: Config = None,
) -> None:
    """The web console: deliveries, messages, sites, workers, unknown replies. Until SIGTERM."""
    from worker.command.console import describe, make_hash, run

    if hash:
        raise typer.Exit(make_hash())
    raise typer.Exit(describe(settled(config)) if openapi else run(settled(config)))


explain = typer.Typer(help="Why a job is where it is; which rule and limits apply to a domain.", no_args_is_help=True)
app.add_typer(explain, name="explain")


@explain.command("job")
def explain_job(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID")], config: Config = None, json: Json = False
) -> None:
    """The story of one message so far, and what happens next."""
    from worker.command.explain import job

    raise typer.Exit(job(settled(config), job_id, json))


@explain.command("domain")
def explain_domain(
    name: Annotated[str, typer.Argument(metavar="DOMAIN")], config: Config = None, json: Json = False
) -> None:
    """The site behind a domain, its rule and its limits."""
    from worker.command.explain import domain

    raise typer.Exit(domain(settled(config), name, json))


rules = typer.Typer(help="The rules that say what replies mean: check, try, settle.", no_args_is_help=True)
app.add_typer(rules, name="rules")


@rules.command("check")
def rules_check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", exists=True, dir_okay=False)] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run every rule's own samples: the built-in rules alone, or FILE before them.

    Also found: rules and phrases that no sample needs, rules that come too late,
    two rules that claim one sample with different answers, phrases that could
    take long, and names that a built-in rule or list has. Exit code 1 if there
    is any fault, each told with file, rule and key.
    """
    from worker.command.rules import check

    raise typer.Exit(check(file, json))


@rules.command("replay")
def rules_replay(
    log: Annotated[Path, typer.Argument(metavar="LOG", exists=True, dir_okay=False)],
    files: Annotated[
        list[Path], typer.Option("--rules", metavar="FILE", help="Instead of the configured ones; repeatable.")
    ],
    storm: Annotated[
        bool, typer.Option("--storm", help="Let the storm breaker take part: requalify an outage.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """What changed rules would have made of recorded attempts or feedback events (JSON lines)."""
    from worker.command.rules import Trial, replay_log

    raise typer.Exit(replay_log(settled(config), Trial(log, files, storm), json))


Kinds = list[str] | None


@rules.command("unknown")
def rules_unknown(
    keep: Annotated[
        Kinds, typer.Option("--keep", metavar="ID", help="What it was taken for is right; it is counted on.")
    ] = None,
    ignore: Annotated[Kinds, typer.Option("--ignore", metavar="ID", help="It is not worth counting.")] = None,
    reopen: Annotated[Kinds, typer.Option("--to-qualify", metavar="ID", help="Take a decision back.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Replies that no rule knows, by their kind, the most frequent first; settle them by id or canonical text.

    A kind that is kept or ignored is listed no more, and events say to_qualify
    false of it; its type, reason and retry stay what they are. Only a rule
    changes those. Workers hear of a decision within seconds, and after a
    restart.
    """
    from feedback.qualifier.unknown import Decision
    from worker.command.unknown import run

    said = {Decision.KEEP: keep, Decision.IGNORE: ignore, Decision.TO_QUALIFY: reopen}
    decisions = [(name, decision) for decision, names in said.items() for name in names or []]
    raise typer.Exit(run(settled(config), decisions, json))


dkim = typer.Typer(
    help="Make a signing key, print its DNS record, compare with what is published.", no_args_is_help=True
)
app.add_typer(dkim, name="dkim")

KeyDomain = Annotated[str, typer.Argument(metavar="DOMAIN")]
Selector = Annotated[str, typer.Argument(metavar="SELECTOR")]
KeyPath = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="PEM", help="Default: as configured for the two, else DOMAIN.SELECTOR.pem here."
    ),
]


@dkim.command("keygen")
def dkim_keygen(
    domain: KeyDomain,
    selector: Selector,
    key_file: KeyPath = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="An Ed25519 key; never use it alone.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a key (RSA with 2048 bits) and print the record to publish. Replaces nothing."""
    from worker.command.dkim import Wanted, keygen

    raise typer.Exit(keygen(settled(config), Wanted(domain, selector, key_file), ed25519=ed25519, json=json))


@dkim.command("record")
def dkim_record(
    domain: KeyDomain, selector: Selector, key_file: KeyPath = None, config: Config = None, json: Json = False
) -> None:
    """Print the DNS record of a key."""
    from worker.command.dkim import Wanted, record

    raise typer.Exit(record(settled(config), Wanted(domain, selector, key_file), json))


@dkim.command("check")
def dkim_check(
    domain: KeyDomain, selector: Selector, key_file: KeyPath = None, config: Config = None, json: Json = False
) -> None:
    """Compare a key with what is published for it."""
    from worker.command.dkim import Wanted, check

    raise typer.Exit(check(settled(config), Wanted(domain, selector, key_file), json))
