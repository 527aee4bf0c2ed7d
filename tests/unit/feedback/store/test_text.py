from feedback.store.text import storable


def test_stored_text_has_neither_nul_nor_surrogates() -> None:
    assert storable("plain") == "plain"
    assert storable("naïve ☃") == "naïve ☃"
    assert storable("a\0\ud800ü") == "a\ufffd?ü"
