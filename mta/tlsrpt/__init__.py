"""SMTP TLS reporting (RFC 8460): what became of TLS towards domains that ask to hear of it, day by day. All of it pure."""
