"""Who gets in, and what requests from elsewhere come to."""

import re
from pathlib import Path

import httpx
import pytest

from tests.integration.console.conftest import EMBEDDED, PASSWORD, SETTINGS, TOKEN, Served, started
from tests.services.start import free_port
from worker.console.door import hashed
from worker.console.headers import ALWAYS

PAGES = [
    "/",
    "/deliveries",
    "/delivery?id=x",
    "/messages?delivery=x",
    "/message?id=x",
    "/find?q=x",
    "/sites",
    "/site?name=x",
    "/workers",
    "/unknown",
    "/actions",
    "/order?what=suspend",
]


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(client: httpx.Client, password: str = PASSWORD, next: str = "/deliveries") -> httpx.Response:
    token = form_token(client.get("/sign-in").text)
    return client.post("/sign-in", data={"name": "Dana", "password": password, "next": next, "form_token": token})


@pytest.mark.parametrize("path", PAGES[1:])
def test_no_page_is_shown_to_who_is_not_signed_in(served: Served, path: str) -> None:
    with served.client() as client:
        answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2F")


@pytest.mark.parametrize(
    "path",
    [
        "/delivery?id=%00",
        "/messages?delivery=x&domain=%00",
        "/messages?delivery=x&after=%00",
        "/message?id=%00",
        "/find?q=%00",
        "/site?name=%00",
    ],
)
def test_an_octet_that_no_store_keeps_is_no_address_of_a_page(served: Served, path: str) -> None:
    with served.client() as client:
        sign_in(client)
        assert client.get(path).status_code == 400


def test_nor_is_it_a_name_in_a_form(served: Served) -> None:
    with served.client() as client:
        sign_in(client)
        token = form_token(client.get("/unknown").text)
        answer = client.post("/unknown", data={"id": "a\0", "decision": "keep", "form_token": token})
        assert answer.status_code == 404


def test_no_call_is_answered_without_token_or_session(served: Served) -> None:
    with served.program() as client:
        paths = client.get("/api/openapi.json").json()["paths"]
    with served.client() as client:
        for path, item in paths.items():
            for method in item:
                assert client.request(method, path).status_code == 401, path
        assert client.get("/api/openapi.json").status_code == 401
        assert (
            client.get("/api/deliveries", headers={"authorization": "Bearer not-the-token-at-all"}).status_code == 401
        )


def test_the_right_password_opens_and_signing_out_shuts_for_good(served: Served) -> None:
    with served.client() as client:
        opened = sign_in(client, next="/sites")
        assert (opened.status_code, opened.headers["location"]) == (303, "/sites")
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        page = client.get("/deliveries")
        assert page.status_code == 200
        kept = client.cookies["campaign-mta"]
        assert client.post("/sign-out", data={"form_token": form_token(page.text)}).status_code == 303
    with served.client() as thief:
        thief.cookies.set("campaign-mta", kept)
        assert thief.get("/deliveries").status_code == 303


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x=1"])
def test_nobody_is_sent_elsewhere_after_signing_in(served: Served, next: str) -> None:
    with served.client() as client:
        assert sign_in(client, next=next).headers["location"] == "/deliveries"


def test_a_forged_cookie_opens_nothing(served: Served) -> None:
    with served.client() as client:
        sign_in(client)
        name, signature = client.cookies["campaign-mta"].split(".", 1)
        client.cookies.set("campaign-mta", f"{name[:-2]}xx.{signature}")
        assert client.get("/deliveries").status_code == 303


def test_after_five_wrong_passwords_the_right_one_has_to_wait(fresh: Served) -> None:
    with fresh.client() as client:
        answers = [sign_in(client, "wrong password").status_code for _ in range(6)]
        assert answers == [401, 401, 401, 401, 429, 429]
        assert sign_in(client).status_code == 429
    with fresh.program() as client:
        assert client.get("/api/deliveries").status_code == 200


def test_a_form_without_its_token_does_nothing(fresh: Served) -> None:
    order = {"what": "suspend", "target": "google.com"}
    with fresh.client() as client:
        sign_in(client)
        assert client.post("/order", data=order).status_code == 403
        assert client.post("/order", data={**order, "form_token": "forged"}).status_code == 403
        assert client.post("/unknown", data={"id": "x", "decision": "keep"}).status_code == 403
        assert client.post("/api/orders/suspension", json={"target": "google.com"}).status_code == 403
        token = form_token(client.get("/deliveries").text)
        with fresh.client() as other:
            sign_in(other)
            assert other.post("/order", data={**order, "form_token": token}).status_code == 403
        assert "google.com" not in {one["target"] for one in client.get("/api/orders").json()}
        given = client.post("/api/orders/suspension", json={"target": "google.com"}, headers={"x-form-token": token})
        assert given.status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_a_request_made_by_another_sites_page_is_refused(served: Served, headers: dict[str, str]) -> None:
    with served.client() as client:
        sign_in(client)
        token = form_token(client.get("/deliveries").text)
        order = {"what": "suspend", "target": "google.com", "form_token": token}
        answer = client.post("/order", data=order, headers=headers)
        assert (answer.status_code, answer.text) == (403, "This request came from a page of another site.\n")


@pytest.mark.parametrize(
    "path", ["/sign-in", "/deliveries", "/api/deliveries", "/static/console.js", "/nowhere", "/order"]
)
def test_every_answer_carries_the_headers(served: Served, path: str) -> None:
    with served.client() as client:
        sign_in(client)
        headers = client.get(path).headers
    assert {name: headers[name] for name in ALWAYS} == ALWAYS
    assert headers["cache-control"] == ("no-store" if "static" not in path else "public, max-age=31536000, immutable")
    assert "server" not in headers


def test_what_is_done_is_on_record_with_who_and_from_where(fresh: Served) -> None:
    with fresh.client() as client:
        sign_in(client)
        token = form_token(client.get("/deliveries").text)
        form = {
            "what": "override",
            "target": "google.com",
            "for": "2h",
            "rate": "10/s",
            "why": "a trial",
            "form_token": token,
        }
        assert client.post("/order", data=form).headers["location"] == "/sites?done=override"
        kind = client.get("/api/unknown").json()[0]["id"]
        assert client.post("/unknown", data={"id": kind, "decision": "keep", "form_token": token}).status_code == 303
        actions = client.get("/api/actions").json()
    told = [(one["who"], one["origin"], one["what"], one["about"], one["detail"]) for one in reversed(actions)]
    assert told == [
        ("Dana", "127.0.0.1", "sign in", "console", ""),
        ("Dana", "127.0.0.1", "override", "google.com", "10/s for 2h; a trial"),
        ("Dana", "127.0.0.1", "keep", f"reply {kind}", ""),
    ]


def test_with_the_store_away_everybody_is_told_so_and_nobody_acts_unrecorded(tmp_path: Path) -> None:
    settings = tmp_path / "campaign-mta.toml"
    port = free_port()
    text = SETTINGS.format(store=EMBEDDED, port=port, hash=hashed(PASSWORD), token=TOKEN)
    settings.write_text(text.replace("sqlite:///store.db", f"postgresql://mta@127.0.0.1:{free_port()}/mta"), "utf-8")
    for served in started(port, settings):
        with served.program() as client:
            answer = client.get("/api/deliveries")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["detail"].startswith("The store cannot be used: ")
            assert client.post("/api/orders/suspension", json={"target": "x"}).status_code == 503
        with served.client() as client:
            assert sign_in(client).status_code == 503
            assert "The store cannot be used" in sign_in(client).text


def test_a_form_with_faults_comes_back_with_what_was_written(served: Served) -> None:
    with served.client() as client:
        sign_in(client)
        token = form_token(client.get("/deliveries").text)
        form = {"what": "override", "target": "google.com", "for": "soon", "why": "<script>", "form_token": token}
        answer = client.post("/order", data=form)
    assert answer.status_code == 400
    assert "for: write a whole number up to 999" in answer.text
    assert 'value="soon"' in answer.text
    assert "<script>" not in answer.text.replace("<script src=", "")
