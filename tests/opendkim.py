"""OpenDKIM's verifier (libopendkim, which comes with Debian's opendkim-tools), fed with key records from a file."""

import ctypes
import ctypes.util
from collections.abc import Mapping
from pathlib import Path

_SET = 1
_QUERY_METHOD, _QUERY_INFO = 6, 7
_FROM_FILE = 1
_PASSED = 0x04
_BODY_HASH_MATCHES = 0


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("opendkim") or "libopendkim.so.11")
    for name in ("dkim_init", "dkim_verify"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def verify(octets: bytes, records: Mapping[str, str], scratch: Path) -> list[bool]:
    """What OpenDKIM says of each signature of a message, in order; `records` are by name, without a final dot."""
    library = _library()
    keys = scratch / "opendkim.keys"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    handle = ctypes.c_void_p(library.dkim_init(None, None))
    path, method = ctypes.create_string_buffer(str(keys).encode()), ctypes.c_int(_FROM_FILE)
    assert library.dkim_options(handle, _SET, _QUERY_METHOD, ctypes.byref(method), ctypes.sizeof(method)) == 0
    assert library.dkim_options(handle, _SET, _QUERY_INFO, path, len(path.value)) == 0
    status = ctypes.c_int()
    message = ctypes.c_void_p(library.dkim_verify(handle, b"test", None, ctypes.byref(status)))
    assert status.value == 0
    try:
        return _verified(library, message, octets)
    finally:
        library.dkim_free(message)
        library.dkim_close(handle)


def _verified(library: ctypes.CDLL, message: ctypes.c_void_p, octets: bytes) -> list[bool]:
    section, _, body = octets.partition(b"\r\n\r\n")
    fields: list[bytes] = []
    for line in section.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    for field in fields:
        assert library.dkim_header(message, field, ctypes.c_size_t(len(field))) == 0
    library.dkim_eoh(message)
    library.dkim_body(message, body, ctypes.c_size_t(len(body)))
    library.dkim_eom(message, None)
    found, count = ctypes.POINTER(ctypes.c_void_p)(), ctypes.c_int()
    assert library.dkim_getsiglist(message, ctypes.byref(found), ctypes.byref(count)) == 0
    results = []
    for index in range(count.value):
        signature = ctypes.c_void_p(found[index])
        library.dkim_sig_process(message, signature)
        passed = library.dkim_sig_getflags(signature) & _PASSED
        results.append(bool(passed) and library.dkim_sig_getbh(signature) == _BODY_HASH_MATCHES)
    return results
