// Envoy asks by gRPC: what it does with the answers, and that none is wrong while the gateway changes.
// That every rule of forward auth holds is in forward_auth.test.mjs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as open } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startApp } from './app.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { Child, freePort } from './process.mjs';

const PAGE = 'https://page.example';
/** Checks while the gateway changes; `make soak` makes 20,000. */
const CHECKS = Number(process.env.CHECKS ?? 1000);
const AT_ONCE = 20;

let issuer, gateway, app, envoy, folder, url;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-ext-authz-'));
  issuer = await startIssuer();
  app = await startApp();
  const questions = `127.0.0.1:${await freePort()}`;
  const { iss, jwks_url } = issuer;
  gateway = await startGateway({
    trusted_proxies: ['127.0.0.1/32'],
    allowed_origins: [PAGE],
    issuers: [{ name: 'acme', iss, jwks_url, required_for_ready: true }],
    // All come from one address, and every sixth with a forged token.
    limits: { rates: { failed_per_client: 'off' } },
    upstreams: { app: { servers: [app.address] } },
    routes: [
      { path: '/', upstream: 'app' },
      { path: '/admins', upstream: 'app', require: { role: 'admin' } },
      { path: '/open', upstream: 'app', auth: 'none' },
    ],
  }, {}, [{ name: 'ext_authz', address: questions, grpc: true }]);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  envoy = await startEnvoy(port, questions.split(':')[1]);
  await envoy.answers(`${url}/open`);
});

after(async () => {
  await envoy?.stop();
  await gateway?.stop();
  await app?.stop();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a refusal is the gateway\'s own, for pages of other origins, too', async () => {
  const refused = await fetch(`${url}/page`, { headers: { origin: PAGE } });
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate'), /^Bearer/);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  assert.equal(refused.headers.get('access-control-allow-origin'), PAGE);
  assert.equal((await refused.json()).code, 'token_missing');
  const foreign = await fetch(`${url}/page`, { headers: { origin: 'https://evil.example' } });
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
});

test('Envoy\'s log has user, session, issuer and route', async () => {
  const token = await issuer.token({ sub: 'ada' });
  const { status } = await fetch(`${url}/page`, bearer(token));
  assert.equal(status, 200);
  const { authorization } = app.seen.at(-1).headers;
  const claims = JSON.parse(Buffer.from(authorization.split('.')[1], 'base64url').toString());
  await envoy.prints(`user=${claims.sub} session=${claims.sid} issuer=acme route=/`);
});

test('a path has one reading, and nothing is smuggled past a rule', async () => {
  const ada = bearer(await issuer.token({ sub: 'ada' }));
  for (const path of [
    '/admins', '/admins/', '//admins', '/./admins', '/x/../admins', '/%61dmins', '/admins?x=/open', '/open/../admins',
    '/open/%2e%2e/admins', '/open%2f..%2fadmins', '/ADMINS/../admins', '/admins;x', '/open/..;/admins', '/admins%00',
  ]) {
    const [asked, direct] = [await raw(path, ada.headers), await raw(path, ada.headers, gateway.url)];
    assert.ok(asked !== 200 || direct === 200, `${path}: ${asked}, and at the gateway ${direct}`);
  }
  assert.equal(await raw('/admins', ada.headers), 403);
  for (const [name, value] of [
    ['x-forwarded-uri', '/open'], ['x-original-url', '/open'], ['x-original-uri', '/open'], ['x-envoy-original-path', '/open'],
    ['x-http-method-override', 'OPTIONS'],
  ]) {
    assert.equal(await raw('/admins', { ...ada.headers, [name]: value }), 403, name);
  }
});

test('two credentials are one too many', async () => {
  const [ada, eve] = await Promise.all(['ada', 'eve'].map((sub) => issuer.token({ sub })));
  const status = await raw('/page', { authorization: [`Bearer ${ada}`, `Bearer ${eve}`] });
  assert.ok([400, 401].includes(status), `${status}`);
  assert.equal(await raw('/page', { authorization: `Bearer ${ada}` }), 200);
});

test('no check is wrong while the gateway changes', async () => {
  const [admin, ada, leaving] = await Promise.all([
    issuer.token({ sub: 'grace', role: 'admin' }), issuer.token({ sub: 'ada' }), issuer.token({ sub: 'bob' }),
  ]);
  assert.equal((await fetch(`${url}/page`, bearer(leaving))).status, 200);
  const { sid } = JSON.parse(Buffer.from(app.seen.at(-1).headers.authorization.split('.')[1], 'base64url').toString());
  let hasLeft = false;
  const kinds = [
    ['/page', bearer(ada), 200],
    ['/admins', bearer(ada), 403],
    ['/admins', bearer(admin), 200],
    ['/page', {}, 401],
    ['/page', bearer(`${ada.slice(0, -8)}AAAAAAAA`), 401],
    ['/open', {}, 200],
  ];
  let asked = 0;
  const worker = async () => {
    while (asked < CHECKS) {
      asked += 1;
      if (asked % 10 === 0) {
        const knew = hasLeft;
        const { status } = await fetch(`${url}/page`, bearer(leaving));
        assert.ok(knew ? status === 401 : [200, 401].includes(status), `${knew} ${status}`);
        continue;
      }
      const [path, options, expected] = kinds[asked % kinds.length];
      const response = await fetch(url + path, options);
      const text = await response.text();
      assert.equal(response.status, expected, `${path}: ${text}`);
    }
  };
  const changes = (async () => {
    for (let change = 0; change < 10; change += 1) {
      while (asked < (CHECKS / 11) * (change + 1)) await new Promise(setImmediate);
      const config = JSON.parse(await readFile(gateway.file, 'utf8'));
      config.routes = config.routes.slice(0, 3).concat({ path: `/more-${change}`, upstream: 'app' });
      await writeFile(gateway.file, JSON.stringify(config));
      const reloaded = await operate('config/reload');
      assert.ok(reloaded.ok, `${reloaded.status} ${await reloaded.text()}`);
      if (change === 4) {
        const ended = await operate(`sessions/${sid}/revoke`);
        assert.ok(ended.ok, `${ended.status}`);
        hasLeft = true;
      }
    }
  })();
  await Promise.all([...Array.from({ length: AT_ONCE }, worker), changes]);
  assert.ok(hasLeft);
});

/** By the recipe of docs/ext-authz.md, with a log of what the answers say besides. */
async function startEnvoy(port, questions) {
  const page = await readFile(new URL('../../docs/ext-authz.md', import.meta.url), 'utf8');
  const [, written] = page.match(/```yaml\n# envoy\.yaml\n([^]*?)```/);
  const ports = { 8000: port, 8080: new URL(gateway.url).port, 9000: questions, 3000: app.address.split(':')[1] };
  const said = ['user', 'session', 'issuer', 'route']
    .map((name) => `${name}=%DYNAMIC_METADATA(envoy.filters.http.ext_authz:${name})%`).join(' ');
  const text = written
    .replaceAll(/port_value: (\d+)/g, (_, usual) => `port_value: ${ports[usual]}`)
    .replace('address: 0.0.0.0', 'address: 127.0.0.1')
    .replace('          use_remote_address: true\n', `$&          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {text_format_source: {inline_string: "${said}\\n"}}
`);
  const file = join(folder, 'envoy.yaml');
  await writeFile(file, text);
  const more = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning', '--file-flush-interval-msec', '50'];
  return new Child(join(process.env.VESTIBULE_VENV, 'bin', 'envoy'), ['-c', file, ...more]);
}

/** The status for a path as it is written, which `fetch` would tidy up. */
async function raw(path, headers, at = url) {
  const { hostname, port } = new URL(at);
  const asked = open({ hostname, port, path, headers }).end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

/** A change by the admin API. */
function operate(path) {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${gateway.admin}/admin/api/${path}`, { method: 'POST', headers, body: '{}' });
}

function bearer(token) {
  return { headers: { authorization: `Bearer ${token}` } };
}
