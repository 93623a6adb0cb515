// Real proxies ask the gateway about each request, by the recipes that the program writes for its
// configuration.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createRemoteJWKSet, jwtVerify } from 'jose';

import { startApp } from './app.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { freePort } from './process.mjs';
import { recipes } from './recipes.mjs';

const PAGE = 'https://page.example';
const LOGIN = 'https://id.example/login';
const PROXIES = ['nginx', 'Caddy', 'Traefik', 'Envoy', 'HAProxy', 'Envoy by gRPC'];

let issuer, gateway, app, folder, start;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-forward-auth-'));
  issuer = await startIssuer();
  app = await startApp();
  const { iss, jwks_url } = issuer;
  const questions = `127.0.0.1:${await freePort()}`;
  gateway = await startGateway({
    trusted_proxies: ['127.0.0.1/32'],
    allowed_origins: [PAGE],
    session: { cookie: true },
    logout: { clear_issuer_cookie: true },
    forward: { identity: { 'X-User-Email': '{user.email}', 'X-Groups': '{claims.groups}' } },
    issuers: [{
      name: 'acme', iss, jwks_url, cookie_name: 'acme_token', cookie_path: '/', header: 'X-Acme-Token',
      required_for_ready: true,
    }],
    upstreams: { app: { servers: [app.address] } },
    routes: [
      { path: '/', upstream: 'app' },
      { path: '/admins', upstream: 'app', require: { role: 'admin' } },
      { path: '/open', upstream: 'app', auth: 'none' },
      { path: '/site', upstream: 'app', login_url: LOGIN },
    ],
  }, {}, [{ name: 'ext_authz', address: questions, grpc: true }], { forward_auth: true });
  start = recipes({ gateway, questions, app: app.address, folder });
});

after(async () => {
  await gateway?.stop();
  await app?.stop();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const name of PROXIES) {
  test(`${name} asks, and passes on what it is told`, async (t) => {
    const port = await freePort();
    const child = await start[name](port);
    t.after(() => child.stop());
    const url = `http://127.0.0.1:${port}`;
    await child.answers(`${url}/open`);
    app.seen.length = 0;

    const external = await issuer.token({ sub: `ada by ${name}`, groups: ['staff'] });
    const nobody = await fetch(`${url}/page`);
    assert.equal(nobody.status, 401);
    const forged = await fetch(`${url}/page`, bearer(`${external.slice(0, -8)}AAAAAAAA`));
    assert.equal(forged.status, 401);
    assert.equal(app.seen.length, 0, 'what is refused does not get there');

    const spoofed = {
      'x-vestibule-user': 'root', 'x-vestibule-session': 'none', 'x-platform-session': 'root',
      'x-user-email': 'root@acme.example', x_user_email: 'root@acme.example',
      'x-groups': 'root', x_groups: 'root', 'x-vestibule_user': 'root',
      // Of proxies that the application was behind before.
      'remote-user': 'root', sm_user: 'root', 'sm-user': 'root', 'iv-user': 'root', 'x-ms-client-principal': 'root',
      'x-middleware-subrequest': 'root', 'x-forwarded-server': 'root', 'x-original-host': 'root',
    };
    for (const headers of [
      { cookie: `a=1; acme_token=${external}; b=2`, ...spoofed },
      { 'x-acme-token': external, cookie: 'a=1; b=2', ...spoofed },
      { authorization: `Bearer ${external}`, cookie: 'a=1; b=2', ...spoofed },
    ]) {
      const passed = await fetch(`${url}/page?q=1`, { headers });
      assert.equal(passed.status, 200, await passed.text());
      const { target, headers: seen } = app.seen.pop();
      assert.equal(target, '/page?q=1');
      assert.ok(!JSON.stringify(seen).includes(external), 'the external token goes no further');
      assert.equal(seen.cookie, 'a=1; b=2');
      assert.match(seen.authorization, /^Bearer /);
      const { payload } = await verified(seen.authorization.slice('Bearer '.length));
      assert.equal(seen['x-vestibule-user'], payload.sub);
      assert.equal(seen['x-vestibule-session'], payload.sid);
      assert.equal(seen['x-groups'], 'staff');
      assert.ok(!JSON.stringify(seen).includes('root'), JSON.stringify(seen));
    }

    // A browser without a session is led to the login page, whatever the proxy makes of redirects.
    const led = await navigate(`${url}/site/a?b=c`);
    assert.equal(led.statusCode, 302);
    assert.ok(led.headers.location.startsWith(`${LOGIN}?return_to=`), led.headers.location);
    assert.ok(led.headers.location.includes('%2Fsite%2Fa%3Fb%3Dc'), led.headers.location);

    const admin = await issuer.token({ sub: 'grace', role: 'admin' });
    assert.equal((await fetch(`${url}/admins`, bearer(external))).status, 403);
    assert.equal((await fetch(`${url}/admins`, bearer(admin))).status, 200);

    const post = (origin) => fetch(`${url}/page`, {
      method: 'POST', body: 'x', headers: { cookie: `acme_token=${external}`, origin },
    });
    assert.equal((await post('https://evil.example')).status, 403);
    assert.equal((await post(PAGE)).status, 200);

    app.seen.length = 0;
    const open = await fetch(`${url}/open`, { headers: { cookie: `acme_token=${external}`, ...spoofed } });
    assert.equal(open.status, 200);
    const [{ headers: seen }] = app.seen;
    assert.ok(!JSON.stringify(seen).includes(external));
    const fields = ['authorization', 'cookie', 'x-vestibule-user', 'x-vestibule-session', 'x-user-email', 'x-groups'];
    for (const field of fields) {
      assert.ok(!seen[field], `${field}: ${seen[field]}`);
    }
    assert.ok(!JSON.stringify(seen).includes('root'), JSON.stringify(seen));

    // The question is the proxy's own; other paths of the gateway are everybody's.
    const question = await fetch(`${url}/_vestibule/check/page`, bearer(external));
    assert.ok([403, 404].includes(question.status), `${question.status}`);
    assert.equal(question.headers.get('authorization'), null);
    assert.equal((await fetch(`${url}/_vestibule/.well-known/jwks.json`)).status, 200);
    assert.equal((await fetch(`${url}/_vestibule/userinfo`, bearer(external))).status, 200);

    // Whoever says what is asked about, it is not the client.
    for (const lie of [
      { 'x-original-uri': '/open', 'x-original-method': 'GET' },
      { 'x-original-url': 'http://x/open' },
      { 'x-forwarded-uri': '/open', 'x-forwarded-method': 'GET' },
    ]) {
      const { status } = await fetch(`${url}/page`, { headers: lie });
      assert.ok([401, 403].includes(status), `${JSON.stringify(lie)}: ${status}`);
    }
  });
}

/** The names that a response sets. */
const namesSet = (response) => (response.headers['set-cookie'] ?? []).map((field) => field.split('=')[0]).sort();

test('browsers get every cookie, and shared caches none', async (t) => {
  const external = await issuer.token({ sub: 'cookies' });
  const now = Math.floor(Date.now() / 1000);
  const expired = await issuer.token({ sub: 'cookies', iat: now - 900, exp: now - 600 });
  for (const name of PROXIES) {
    const port = await freePort();
    const child = await start[name](port);
    t.after(() => child.stop());
    const url = `http://127.0.0.1:${port}`;
    await child.answers(`${url}/open`);

    const opened = await navigate(`${url}/public/page`, { cookie: `acme_token=${external}` });
    assert.equal(opened.statusCode, 200, name);
    assert.deepEqual(namesSet(opened), ['app_one', 'app_two', 'vestibule'], name);
    // Traefik and Envoy have no way to say more for some answers only.
    if (['nginx', 'Caddy', 'HAProxy'].includes(name)) {
      assert.match(opened.headers['cache-control'], /private/, name);
    }
    const [cookie] = opened.headers['set-cookie'].filter((field) => field.startsWith('vestibule='));
    const again = await navigate(`${url}/public/page`, { cookie: cookie.split(';')[0] });
    assert.equal(again.statusCode, 200, name);
    assert.deepEqual(namesSet(again), ['app_one', 'app_two'], name);
    assert.equal(again.headers['cache-control'], 'public, max-age=600', name);

    // The session cookie of another configuration next to it: one is deleted, and then one is set.
    const earlier = `vestibule=${'A'.repeat(43)}`;
    const changed = await navigate(`${url}/public/page`, { cookie: `acme_token=${external}; ${earlier}` });
    assert.equal(changed.statusCode, 200, name);
    const ours = changed.headers['set-cookie'].filter((field) => field.startsWith('vestibule='));
    assert.ok(ours.every((field) => !/,\s*vestibule=/.test(field)), `${name}: ${ours}`);
    assert.match(ours.at(-1), /^vestibule=\w/, `${name}: ${ours}`);

    // Two cookies of the issuer: a login mends that, whatever the proxy takes for a failure.
    const twins = await navigate(`${url}/site/a`, { cookie: `acme_token=${external}; acme_token=${expired}` });
    assert.equal(twins.statusCode, 302, name);

    // The counter of redirects, and the removal of a cookie that is of no use.
    const led = await navigate(`${url}/site/a`, { cookie: `acme_token=${expired}` });
    assert.equal(led.statusCode, 302, name);
    assert.deepEqual(namesSet(led), ['acme_token', 'vestibule-login'], name);
  }
});

test('a gateway that is gone lets nobody pass', async (t) => {
  const gone = `127.0.0.1:${await freePort()}`;
  for (const name of PROXIES) {
    const port = await freePort();
    const child = await start[name](port, gone);
    t.after(() => child.stop());
    await child.listens(port);
    let status;
    const deadline = Date.now() + 10_000;
    do {
      ({ status } = await fetch(`http://127.0.0.1:${port}/page`));
      // Traefik listens before it knows its routes.
    } while (status === 404 && Date.now() < deadline);
    assert.ok(status === 403 || status >= 500, `${name}: ${status}`);
  }
});

/** Asks as a browser does that opens a page; `fetch` says that it is none. */
async function navigate(url, more = {}) {
  const request = get(url, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', ...more } });
  const [response] = await once(request, 'response');
  response.resume();
  return response;
}

function bearer(token) {
  return { headers: { authorization: `Bearer ${token}` } };
}

function verified(token) {
  const keys = createRemoteJWKSet(new URL(`${gateway.issuer}/.well-known/jwks.json`));
  return jwtVerify(token, keys, { issuer: gateway.issuer, typ: 'JWT' });
}
