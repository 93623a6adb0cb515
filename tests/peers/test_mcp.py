"""Python's MCP client calls tools of an unmodified MCP server behind the gateway, with a token that it
gets by itself with an identity assertion (ID-JAG)."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from mcp.client import Client
from mcp.client.auth import OAuthTokenError
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from ports import free_port

SECRET = "correct horse battery staple"
PROVIDER = "https://idp.test"


class Site:
    """A gateway in front of an MCP server, and an identity provider's key."""

    def __init__(self, folder):
        self.key = ec.generate_private_key(ec.SECP256R1())
        public, admin, server = (free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{public}"
        self.admin = f"http://127.0.0.1:{admin}"
        self.issuer = self.url + "/_vestibule"
        self.mcp = self.url + "/mcp"
        config = folder / "config.yaml"
        config.write_text(json.dumps(self.config(folder, public, admin, server)))
        tools = Path(__file__).with_name("mcp_server.py")
        self.processes = [
            subprocess.Popen([sys.executable, tools, str(server)]),
            subprocess.Popen([os.environ["VESTIBULE_BIN"], "serve", "--config", config]),
        ]
        wait_for(f"http://127.0.0.1:{server}/")
        wait_for(f"{self.admin}/ready")

    def config(self, folder, public, admin, server):
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        (folder / "secret").write_text(SECRET)
        return {
            "public_url": self.url,
            "listeners": [{"address": f"127.0.0.1:{public}"}],
            "store": {"path": str(folder / "vestibule.redb")},
            "admin": {"address": f"127.0.0.1:{admin}"},
            "session": {"scopes": ["tools:read", "tools:write"]},
            "issuers": [{
                "name": "idp", "iss": PROVIDER, "keys": [{**jwk, "kid": "1", "alg": "ES256"}],
            }],
            "clients": [{"id": "agent", "secret": f"file:{folder / 'secret'}"}],
            "grants": {"identity_assertion": {"issuers": ["idp"]}},
            "upstreams": {"tools": {"servers": [f"127.0.0.1:{server}"]}},
            "routes": [{
                "path": "/mcp", "upstream": "tools",
                "scopes": ["tools:read"],
                "resource": {"scopes": ["tools:read", "tools:write"]},
                "mcp": {"calls": [
                    {"method": "tools/call", "names": ["erase"], "scopes": ["tools:write"]},
                ]},
            }],
        }

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=60)

    def assertion(self, audience, resource, scope):
        now = int(time.time())
        claims = {
            "iss": PROVIDER, "sub": "ada", "aud": audience, "resource": resource,
            "client_id": "agent", "scope": scope, "act": {"sub": "agent-7"},
            "jti": str(uuid.uuid4()), "iat": now, "exp": now + 300,
        }
        header = {"typ": "oauth-id-jag+jwt", "kid": "1"}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=header)

    def agent(self, granted):
        """A client's credentials, whose identity provider grants it these scopes."""
        storage = Storage()

        async def assertion(audience, resource):
            return self.assertion(audience, resource, granted)

        provider = IdentityAssertionOAuthProvider(
            self.mcp, storage, "agent", SECRET, self.issuer, assertion, scope="tools:read",
        )
        return provider, storage

    def revoke(self, token):
        form = {"token": token, "client_id": "agent", "client_secret": SECRET}
        content = urllib.parse.urlencode(form).encode()
        assert urllib.request.urlopen(f"{self.issuer}/oauth/revoke", content).status == 200


class Storage:
    """Where a client keeps its token."""

    def __init__(self):
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, client_info):
        raise AssertionError("the client registers itself")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("mcp"))
    yield site
    site.stop()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_tool_is_called_with_a_token_that_the_client_got_itself(site, mode):
    async def call(agent):
        async with connected(site, agent, mode) as client:
            assert (await client.call_tool("add", {"a": 2, "b": 3})).content[0].text == "5"

    provider, storage = site.agent("tools:read")
    asyncio.run(call(provider))
    claims = jwt.decode(storage.tokens.access_token, options={"verify_signature": False})
    assert claims["aud"] == site.mcp
    assert claims["client_id"] == "agent"
    assert claims["act"] == {"sub": "agent-7"}
    assert claims["scope"] == "tools:read"


def test_a_tool_without_its_scope_needs_another_token(site):
    async def erase(agent):
        async with connected(site, agent, "auto") as client:
            await client.call_tool("add", {"a": 1, "b": 1})
            return (await client.call_tool("erase", {"what": "x"})).content[0].text

    # The provider grants more, so the client asks again for what the challenge names.
    provider, storage = site.agent("tools:read tools:write")
    assert asyncio.run(erase(provider)) == "erased x"
    assert storage.tokens.scope.split() == ["tools:read", "tools:write"]
    # It does not, so the client has nothing that the gateway takes.
    provider, _ = site.agent("tools:read")
    with pytest.raises(BaseException) as refused:
        asyncio.run(erase(provider))
    assert "invalid_scope" in str(flat(refused.value))


def test_the_stream_of_a_revoked_session_ends(site):
    async def called(agent, storage):
        begun = asyncio.Event()

        async def progress(*_):
            begun.set()

        async with connected(site, agent, "auto") as client:
            call = asyncio.create_task(client.call_tool("wait", progress_callback=progress))
            await asyncio.wait_for(begun.wait(), 30)
            assert not call.done()
            site.revoke(storage.tokens.access_token)
            with pytest.raises(Exception):
                await asyncio.wait_for(call, 30)

    provider, storage = site.agent("tools:read")
    try:
        asyncio.run(called(provider, storage))
    except BaseExceptionGroup as group:
        # The client's own transport has an end with an error, too.
        assert not [it for it in flat(group) if isinstance(it, (AssertionError, TimeoutError))]


class connected:
    """A client with an HTTP connection that authenticates by itself."""

    def __init__(self, site, agent, mode):
        self.http = httpx2.AsyncClient(auth=agent, timeout=60)
        transport = streamable_http_client(site.mcp, http_client=self.http)
        self.client = Client(transport, mode=mode)

    async def __aenter__(self):
        await self.http.__aenter__()
        return await self.client.__aenter__()

    async def __aexit__(self, *error):
        try:
            return await self.client.__aexit__(*error)
        finally:
            await self.http.__aexit__(None, None, None)


def flat(error):
    """An error, or those in a group of them."""
    if isinstance(error, BaseExceptionGroup):
        return [inner for one in error.exceptions for inner in flat(one)]
    return [error]


def wait_for(url):
    for _ in range(600):
        try:
            return urllib.request.urlopen(url)
        except urllib.error.HTTPError as answer:
            if answer.code < 500:
                return answer
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
