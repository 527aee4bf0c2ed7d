"""What each key of the configuration means: by file, table and key."""

_CONFIGURATION = {
    "[broker]": {
        "url": "RabbitMQ (`amqp://`, `amqps://` for TLS), or `sqlite:///FILE`: the embedded queue, for one worker process.",
        "prefix": "Begins the name of every exchange and queue, so that installations can share a broker.",
    },
    "[store]": {
        "url": "PostgreSQL (`postgresql://`), or `sqlite:///FILE`: the embedded store, for one worker process.",
    },
    "[smtp]": {
        "helo": "The name to greet with.",
        "port": "The port of hosts found by MX look-up.",
    },
    "[dns]": {
        "nameservers": "Such as `127.0.0.1:5353`; none: the system's.",
        "allow_private_mx": "Whether hosts found by MX look-up may have loopback, private or link-local addresses.",
    },
    "[retry]": {
        "first": "The delay after the first failed attempt.",
        "factor": "Each further delay is so many times the one before.",
        "max": "No delay is longer.",
        "jitter": "The share by which a delay is varied by lot.",
    },
    "[feedback]": {
        "batch": "Events in one feedback message at most.",
        "linger_ms": "How many milliseconds an event may wait for others to share its message.",
        "rules": "Files of rules about replies, asked before the built-in ones.",
    },
    "[[route]]": {
        "domain": "A glob on the recipient's domain; the first route that matches is taken in the place of MX look-up.",
        "hosts": "Hosts to try in this order, as `host:port`.",
        "site": "The name for rules, limits and reports.",
        "tls": "As in a traffic rule, and in its place.",
        "username": "For a host that wants AUTH; belongs together with a password.",
        "password": "For a host that wants AUTH.",
    },
    "[[dkim]]": {
        "domain": "The signing domain (`d=`); signs for authors of it and of domains below it.",
        "selector": "The selector (`s=`).",
        "key_file": "The private key, PEM: RSA or Ed25519. Refused when group or world can write it.",
    },
    "[signing]": {
        "without_key": "What becomes of a message whose author has no key here, once there are keys at all.",
    },
    "[[pool]]": {
        "name": "The name that jobs give as their `pool`. Without any there is one, `default`.",
    },
    "[[pool.source]]": {
        "address": "The local IP address to send from; none: the system's choice.",
        "helo": "The name to greet with from here; none: that of `[smtp]`.",
        "weight": "Its part of the pool's mail, against the weights of the others.",
        "ramp": "The source is new, and warmed up to so many messages a day to each group of sites.",
    },
    "[traffic]": {
        "rules": "Files of traffic rules, asked before the built-in ones.",
    },
    "[console]": {
        "listen": "Where the console listens, `address:port`.",
        "password_hash": "What `campaign-mta console --hash` prints. Without it nobody can sign in.",
        "token": "Lets programs in that show it, to the API; 16 characters at least.",
    },
    "[worker]": {
        "name": "Begins the worker's name in events and logs; none: the machine's.",
        "drain": "How long a worker that is told to stop finishes what it has in hand.",
        "in_flight": "Bulk jobs that one process holds at once.",
        "transactional_in_flight": "Transactional jobs that one process holds at once, beside the others.",
        "lease": "A worker that has been silent for so long is taken for dead, and its jobs for free.",
        "max_job": "Octets of a job; greater ones are rejected.",
        "remember": "How long a job is known after its final event.",
        "sample": "Of messages sent at the first attempt, the part whose SMTP conversation is kept (of others it always is).",
    },
    "[metrics]": {
        "listen": "Where a worker answers Prometheus and health checks, `address:port`; further processes on the next ports.",
    },
    "[tracing]": {
        "endpoint": "A collector that takes OTLP over HTTP. Needs the extra `otel`.",
    },
    "[log]": {
        "format": "`auto`: for people on a terminal, else JSON.",
        "level": "The least level that is written.",
        "addresses": "Mail addresses as they are, or hashed with `hash_key`.",
        "hash_key": "What they are hashed with; the same for all workers.",
    },
    "[tls_report]": {
        "enabled": "Whether domains that ask for it are sent reports on TLS (RFC 8460).",
        "organisation": "Who reports.",
        "contact": "For people who read a report.",
        "mail_from": "The address that reports come from, signed with its domain's key.",
    },
}

_TRAFFIC = {
    "[[rule]]": {
        "name": "The rule's name, once in a file.",
        "mx": "Globs on names of MX hosts. One of `mx`, `domain` and `site` is needed.",
        "domain": "Globs on the recipient's domain.",
        "site": "Globs on the name of the site.",
        "connections": "At the same time.",
        "messages_per_connection": "Then it is closed.",
        "connection_age": "An older connection takes no further message.",
        "rate": "Ceiling on messages; none: no ceiling.",
        "tls": "How connections are protected.",
        "ip": "Which of a host's addresses are tried, and which first; `any`: both in turn.",
        "start": "How a lane begins of which nothing is known: searching, fast, or with all that is allowed; none: a route "
        "fast, a site found by MX look-up searching.",
        "connect_timeout": "For a connection to stand.",
        "banner_timeout": "For the greeting.",
        "ehlo_timeout": "For the answer to EHLO.",
        "tls_timeout": "For the TLS handshake.",
        "mail_timeout": "For the answer to MAIL.",
        "rcpt_timeout": "For the answer to RCPT.",
        "data_timeout": "For the answer to DATA.",
        "block_timeout": "For a block of the message to be taken.",
        "dot_timeout": "For the answer to the final dot.",
        "idle_timeout": "How long a connection without work is kept.",
        "transaction_timeout": "From MAIL to the answer to the final dot, in all.",
    },
    "[[rule.on_reply]]": {
        "match": "A regular expression looked for in the whole reply, in any case.",
        "action": "What is done when it is found.",
        "for": "How long.",
        "after": "Only when it is found so often; none: at once.",
        "samples": "Replies that it must match, or the file is refused.",
    },
}

_REPLIES = {
    "[[rule]]": {
        "id": "The rule's name, unlike any other's.",
        "means": "One of the meanings in `feedback/qualifier/meaning.py`.",
        "evidence": "How you know.",
        "phase": "Only replies in these phases.",
        "reply": "Only these codes: numbers, `4yz` or `5yz`.",
        "enhanced": "Only these enhanced codes.",
        "mx": "Only hosts with names that match these globs.",
        "domain": "Only recipients' domains that match these globs.",
        "words": "One of these phrases must be in the reply.",
        "unless": "None of these phrases may be in the reply.",
        "to_qualify": "The reply is still listed by `rules unknown`.",
        "samples": "Replies that the rule must match; one at least.",
        "not_samples": "Replies that it must not match.",
    },
}

MEANINGS = {"campaign-mta.toml": _CONFIGURATION, "traffic.toml": _TRAFFIC, "replies.toml": _REPLIES}
