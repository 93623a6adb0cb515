// The MCP conformance suite finds the same of an unmodified server behind the gateway as of the server
// itself. Its scenarios of authorization are about clients, and about authorization servers with the
// authorization code grant, which the gateway has not; of these only what it says of its metadata is looked at.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { SignJWT, exportJWK, generateKeyPair } from 'jose';

import { startGateway } from './gateway.mjs';
import { Child, freePort } from './process.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const SUITE = here('node_modules/@modelcontextprotocol/conformance/dist/index.js');
const PROVIDER = 'https://idp.test';

let gateway;
let server;
let carrier;
let folder;
let direct;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-mcp-'));
  const port = await freePort();
  direct = `http://127.0.0.1:${port}/mcp`;
  const python = join(process.env.VESTIBULE_VENV, 'bin/python3');
  server = new Child(python, [here('mcp_conformance_server.py'), String(port)]);
  await server.listens(port);
  const key = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(key.publicKey)), kid: '1', alg: 'ES256' };
  gateway = await startGateway({
    session: { scopes: ['tools:read', 'tools:write'] },
    issuers: [{ name: 'idp', iss: PROVIDER, keys: [jwk] }],
    grants: { identity_assertion: { issuers: ['idp'] } },
    client_metadata: { hosts: ['agents.example.net'] },
    upstreams: { tools: { servers: [`127.0.0.1:${port}`] } },
    routes: [{ path: '/mcp', upstream: 'tools', resource: { scopes: ['tools:read'] } }],
  });
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: '1' })
    .setIssuer(PROVIDER)
    .setSubject('ada')
    .setAudience(`${gateway.url}/mcp`)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key.privateKey);
  carrier = await carry(token);
});

after(async () => {
  carrier?.server.close();
  carrier?.server.closeAllConnections();
  await gateway?.stop();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a server is the same behind the gateway as without it', async () => {
  const [expected, found] = await Promise.all(
    [direct, `${carrier.url}/mcp`].map((url) => findings('server', url)),
  );
  assert.deepEqual(found, expected);
  const passed = Object.values(expected).filter((status) => status === 'SUCCESS');
  assert.ok(passed.length > 100, `${passed.length} checks pass at the server itself`);
});

test('without a token the suite gets nowhere', async () => {
  const found = await findings('server', `${gateway.url}/mcp`, '--scenario', 'tools-list');
  assert.ok(Object.values(found).includes('FAILURE'));
});

test('the suite sees that clients can describe themselves', async () => {
  const scenario = 'authorization-server-metadata-endpoint';
  const found = await findings('authorization', gateway.issuer, '--scenario', scenario);
  const [, status] = Object.entries(found).find(([check]) => check.endsWith('metadata-cimd'));
  assert.equal(status, 'SUCCESS');
});

/** What the suite finds: the status of each check by its scenario and its place there. */
async function findings(kind, url, ...selected) {
  const output = await mkdtemp(join(folder, 'out-'));
  const all = kind === 'server' && !selected.length ? ['--suite', 'all'] : selected;
  const args = ['--import', here('mcp_conformance_hook.mjs'), SUITE, kind, '--url', url, ...all];
  const suite = new Child(process.execPath, [...args, '-o', output]);
  await suite.finished;
  const found = {};
  for (const name of await readdir(output)) {
    const scenario = name.replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(await readFile(join(output, name, 'checks.json'), 'utf8'));
    checks.forEach(({ id, status }, at) => (found[`${scenario} ${at} ${id}`] = status));
  }
  assert.ok(Object.keys(found).length, suite.output + suite.errors);
  return found;
}

/** A client's end of the gateway that adds a token to each request: the suite has none. */
async function carry(token) {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(gateway.url);
  const carrying = createServer((request, response) => {
    const { method, url: path, rawHeaders } = request;
    const headers = [...rawHeaders, 'Authorization', `Bearer ${token}`];
    const forwarded = httpRequest({ hostname, port, method, path, headers, agent });
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  carrying.listen(0, '127.0.0.1');
  await once(carrying, 'listening');
  return { server: carrying, url: `http://127.0.0.1:${carrying.address().port}` };
}
