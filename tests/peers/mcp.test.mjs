// The MCP client of JavaScript finds its way from a refusal to a token, with the assertion of an identity
// provider, and calls a tool of an unmodified MCP server behind the gateway.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
  Client,
  CrossAppAccessProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from 'jose';

import { startGateway } from './gateway.mjs';
import { Child, freePort } from './process.mjs';

const SECRET = 'correct horse battery staple';
const PROVIDER = 'https://idp.test';

let gateway;
let server;
let key;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-mcp-'));
  await writeFile(join(folder, 'secret'), SECRET);
  key = await generateKeyPair('ES256');
  const port = await freePort();
  const python = join(process.env.VESTIBULE_VENV, 'bin/python3');
  const program = fileURLToPath(new URL('mcp_server.py', import.meta.url));
  server = new Child(python, [program, String(port)]);
  await server.listens(port);
  const jwk = { ...(await exportJWK(key.publicKey)), kid: '1', alg: 'ES256' };
  gateway = await startGateway({
    session: { scopes: ['tools:read', 'tools:write'] },
    issuers: [{ name: 'idp', iss: PROVIDER, keys: [jwk] }],
    clients: [{ id: 'agent', secret: `file:${join(folder, 'secret')}` }],
    grants: { identity_assertion: { issuers: ['idp'] } },
    upstreams: { tools: { servers: [`127.0.0.1:${port}`] } },
    routes: [
      {
        path: '/mcp',
        upstream: 'tools',
        resource: { scopes: ['tools:read', 'tools:write'] },
        scopes: ['tools:read'],
        mcp: { calls: [{ method: 'tools/call', names: ['erase'], scopes: ['tools:write'] }] },
      },
    ],
  });
});

after(async () => {
  await gateway?.stop();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a tool is called with a token that the client got itself', async () => {
  const agent = provider('tools:read tools:write');
  const client = await connected(agent);
  try {
    const sum = await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } });
    assert.equal(sum.content[0].text, '5');
    const done = await client.callTool({ name: 'erase', arguments: { what: 'x' } });
    assert.equal(done.content[0].text, 'erased x');
  } finally {
    await client.close();
  }
  const claims = decodeJwt(agent.tokens().access_token);
  assert.equal(claims.aud, `${gateway.url}/mcp`);
  assert.equal(claims.client_id, 'agent');
});

test('a tool without its scope is refused', async () => {
  const client = await connected(provider('tools:read'));
  try {
    const sum = await client.callTool({ name: 'add', arguments: { a: 1, b: 1 } });
    assert.equal(sum.content[0].text, '2');
    await assert.rejects(client.callTool({ name: 'erase', arguments: { what: 'x' } }));
  } finally {
    await client.close();
  }
});

/** A client's credentials, whose identity provider grants it these scopes. */
function provider(granted) {
  return new CrossAppAccessProvider({
    clientId: 'agent',
    clientSecret: SECRET,
    expectedIssuer: gateway.issuer,
    assertion: ({ authorizationServerUrl, resourceUrl }) =>
      new SignJWT({ client_id: 'agent', resource: resourceUrl, scope: granted })
        .setProtectedHeader({ alg: 'ES256', kid: '1', typ: 'oauth-id-jag+jwt' })
        .setIssuer(PROVIDER)
        .setSubject('ada')
        .setAudience(authorizationServerUrl)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(key.privateKey),
  });
}

async function connected(authProvider) {
  const client = new Client({ name: 'agent', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), {
    authProvider,
  });
  await client.connect(transport);
  return client;
}
