"""Which way to log in."""

import pytest

from mta.smtp.login import mechanism


@pytest.mark.parametrize(
    ("offered", "private", "chosen"),
    [
        ("PLAIN LOGIN CRAM-MD5", True, "plain"),
        ("login cram-md5", True, "login"),
        ("CRAM-MD5", True, "cram-md5"),
        ("PLAIN LOGIN CRAM-MD5", False, "cram-md5"),
        ("PLAIN LOGIN", False, None),
        ("XOAUTH2 GSSAPI", True, None),
        ("", True, None),
    ],
)
def test_a_password_is_shown_only_where_nobody_else_can_see_it(offered: str, private: bool, chosen: str | None) -> None:
    assert mechanism(offered, private=private) == chosen
