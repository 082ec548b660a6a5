"""The mounted page without a browser: who gets in, and that nothing on it points outside."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ui.app import login_page, mount

OUTSIDE = re.compile(r"""(?:src|href)=["']?https?://|@import|url\(\s*["']?https?:""")


async def mounted() -> FastAPI:
    """Inside a loop: without one Gradio makes event loops of its own and forgets to close them."""
    app = FastAPI()
    mount(app, username=lambda request: request.cookies.get("privity_session"), address=lambda: "http://x")
    return app


@pytest.fixture(scope="module")
def page() -> Iterator[TestClient]:
    app = asyncio.run(mounted())
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_a_stranger_is_sent_to_sign_in(page: TestClient) -> None:
    reply = page.get("/ui/")
    assert (reply.status_code, reply.headers["location"]) == (303, "/login")
    assert page.get("/ui/config").status_code == 401


def test_the_page_asks_nobody_outside(page: TestClient) -> None:
    reply = page.get("/ui/", headers={"cookie": "privity_session=priya"})
    assert reply.status_code == 200
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    body = re.sub(r"<meta[^>]*>", "", reply.text)  # names in meta tags are not fetched
    assert not OUTSIDE.search(body), OUTSIDE.findall(body)


def test_the_sign_in_page_stands_alone() -> None:
    html = login_page()
    assert not OUTSIDE.search(html)
    assert "/*style*/" not in html
    assert "--accent" in html
    assert 'type="password"' in html


def test_the_house_has_an_icon_of_its_own(page: TestClient) -> None:
    reply = page.get("/favicon.ico")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/svg+xml")
    assert 'href="/favicon.ico"' in login_page()
