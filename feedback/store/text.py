"""Text that every store can hold."""


def storable(text: str) -> str:
    """`text` without what PostgreSQL does not take: NUL becomes U+FFFD, a lone surrogate `?`."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
