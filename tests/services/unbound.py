"""Debian's unbound as a private validating resolver, with one zone of its own that it holds to a trust anchor."""

import datetime
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.dnssec
import dns.name
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.ANY.RRSIG import RRSIG

from tests.nameserver import Fails, Script
from tests.services.start import free_port, listens, wait_until

UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin")
TTL = 300

CONFIGURATION = """\
server:
    interface: 127.0.0.1@{port}
    access-control: 127.0.0.0/8 allow
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    logfile: "{folder}/log"
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    val-log-level: 2
    # Nobody outside is asked: the root is said to be here, and nobody here is asked either.
    outgoing-interface: 127.0.0.1
    root-hints: "{folder}/root"
    module-config: "validator iterator"
    {anchor}
remote-control:
    control-enable: no
auth-zone:
    name: "{origin}"
    zonefile: "{folder}/zone"
    for-downstream: no
    for-upstream: yes
    fallback-enabled: no
"""


@contextmanager
def unbound(zone: Mapping[str, Script], origin: str, *, anchored: bool = True) -> Iterator[str]:
    """The address ("127.0.0.1:port") of a resolver for a zone in the terms of `tests.nameserver`. It is signed; what "fails"
    there has a false signature. Without `anchored` nobody vouches for its key: then the zone is as good as unsigned."""
    port = free_port()
    assert UNBOUND is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, key = signed(zone, dns.name.from_text(origin))
        (folder / "zone").write_text(text)
        (folder / "root").write_text(". NS root.invalid.\nroot.invalid. A 127.0.0.1\n")
        anchor = f'trust-anchor: "{origin}. IN DNSKEY {key}"' if anchored else ""
        configuration = CONFIGURATION.format(port=port, folder=folder, anchor=anchor, origin=origin)
        (folder / "unbound.conf").write_text(configuration)
        process = subprocess.Popen([UNBOUND, "-d", "-c", str(folder / "unbound.conf")], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: listens(port), "unbound", lambda: (folder / "log").read_text())
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def signed(zone: Mapping[str, Script], origin: dns.name.Name) -> tuple[str, str]:
    """The zone file, and its DNSKEY."""
    lines = ["@ SOA ns hostmaster 1 3600 600 86400 300", "@ NS ns", "ns A 127.0.0.1"]
    false = []
    for key, script in zone.items():
        name, kind = key.split()
        if isinstance(script, Fails):
            false.append((dns.name.from_text(name), dns.rdatatype.from_text(kind)))
            script = (f"3 1 1 {'00' * 32}",)
        assert isinstance(script, tuple)
        lines += [f"{name}. {kind} {record}" for record in script]
    made = dns.zone.from_text("\n".join([f"$TTL {TTL}", *lines, ""]), origin, relativize=False)
    secret = ec.generate_private_key(ec.SECP256R1())
    key_record = dns.dnssec.make_dnskey(secret.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    dns.dnssec.sign_zone(made, keys=[(secret, key_record)], inception=now - day, expiration=now + day)
    for owner, covered in false:
        signatures = made.find_rdataset(owner, dns.rdatatype.RRSIG, covered)
        (signature,) = signatures
        assert isinstance(signature, RRSIG)
        signatures.clear()
        signatures.add(signature.replace(signature=bytes(64)), TTL)
    return made.to_text(relativize=False), key_record.to_text()
