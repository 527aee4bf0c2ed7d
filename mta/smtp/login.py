"""Logging in to a smart host (RFC 4954)."""

from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode
from aiosmtplib.response import SMTPResponse

from mta.attempt import Broken, Trouble
from mta.routing.route import Login
from mta.smtp.wire import Wire


def mechanism(offered: str, *, private: bool) -> str | None:
    """The one to use; those that show the password only where nobody else can see it (`private`)."""
    common = offered.lower().split()
    shown = [name for name in ("plain", "login") if name in common]
    if private and shown:
        return shown[0]
    return "cram-md5" if "cram-md5" in common else None


async def log_in(wire: Wire, login: Login, chosen: str | None, limit: float) -> SMTPResponse | Broken:
    """The server's last word; each of its answers may take `limit` seconds."""
    user, password = login.username, login.password
    if chosen == "plain":
        return await wire.execute_command(b"AUTH", b"PLAIN", auth_plain_encode(user, password), timeout=limit)
    if chosen == "login":
        response = await wire.execute_command(b"AUTH", b"LOGIN", timeout=limit)
        for word in auth_login_encode(user, password):
            if response.code == 334:
                response = await wire.execute_command(word, timeout=limit)
        return response
    if chosen == "cram-md5":
        response = await wire.execute_command(b"AUTH", b"CRAM-MD5", timeout=limit)
        if response.code == 334:
            proof = auth_crammd5_verify(user, password, response.message)
            response = await wire.execute_command(proof, timeout=limit)
        return response
    return Broken(Trouble.AUTH_MISSING, "the server offers no way to log in that keeps the password safe")
