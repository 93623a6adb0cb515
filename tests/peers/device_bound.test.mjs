// Device Bound Session Credentials in headless Chromium: a session whose cookie lives seconds and
// whose browser stays, and what a thief of that cookie has.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { launch } from './chromium.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { freePort } from './process.mjs';

const run = promisify(execFile);
const HOST = 'app.test';
const COOKIE = '__Host-vestibule';
/** How long the cookie of a bound session lives. */
const SECONDS = 2;

let folder, certificate, issuer, upstream, port, origin, gateway, browser;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-device-'));
  certificate = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`,
    '-out', certificate.cert, '-keyout', certificate.key]);
  issuer = await startIssuer();
  upstream = createServer((request, response) => {
    const session = request.headers.authorization?.split('.')[1] ?? '';
    const sid = session && JSON.parse(Buffer.from(session, 'base64url')).sid;
    response.setHeader('content-type', 'text/html');
    response.end(`<title>${sid}</title>`);
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  port = await freePort();
  origin = `https://${HOST}:${port}`;
  gateway = await startGateway({
    public_url: origin,
    listeners: [{ address: `127.0.0.1:${port}`, tls: { certificates: [certificate] } }],
    issuers: [{
      name: 'acme', iss: issuer.iss, jwks_url: issuer.jwks_url, cookie_name: 'acme_token',
      required_for_ready: true,
    }],
    session: { cookie: true, device_bound: true, device_bound_ttl: `${SECONDS}s` },
    upstreams: { web: { servers: [`127.0.0.1:${upstream.address().port}`] } },
    routes: [{ path: '/', upstream: 'web' }],
  });
  browser = await launchBound();
});

after(async () => {
  await browser?.close();
  const end = await gateway?.stop();
  upstream?.closeAllConnections();
  upstream?.close();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the gateway well');
});

/** A browser that keeps keys in software, and trusts the one certificate: with any error of it
 * ignored, browsers bind no session. */
async function launchBound() {
  const { publicKey } = new X509Certificate(await readFile(certificate.cert));
  const spki = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }));
  return launch([
    // Nor is there a limit of refreshes in some minutes, in which a cookie here ends many times.
    '--enable-features=DeviceBoundSessions:ForceEnableForTesting/true/RefreshQuota/false,'
      + 'EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
    `--ignore-certificate-errors-spki-list=${spki.digest('base64')}`,
    `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
  ]);
}

/** Somebody who signed in with the issuer's cookie, at the gateway's page. */
async function signedIn(sub) {
  const context = await browser.newContext();
  const value = await issuer.token({ sub });
  await context.addCookies([{
    name: 'acme_token', value, domain: HOST, path: '/', secure: true, httpOnly: true, sameSite: 'Lax',
  }]);
  const page = await context.newPage();
  const answer = await page.goto(origin);
  assert.equal(answer.status(), 200);
  return { context, page, sid: await page.title() };
}

async function sessionCookie(context) {
  const cookies = await context.cookies(origin);
  return cookies.find(({ name }) => name === COOKIE)?.value;
}

/** Waits until the gateway has bound the session, which pages do not see. */
async function bound(sid) {
  const patience = AbortSignal.timeout(20_000);
  for (;;) {
    const answer = await fetch(`${gateway.admin}/admin/api/sessions/${sid}`, { signal: patience });
    const { device_key: key } = await answer.json();
    if (key) return key;
  }
}

/** What curl gets with these cookies, from another machine as it were. */
async function curl(cookies) {
  const { stdout } = await run('curl', ['--silent', '--output', '/dev/null', '--write-out',
    '%{http_code}', '--cacert', certificate.cert, '--resolve', `${HOST}:${port}:127.0.0.1`,
    '--cookie', cookies, `${origin}/`]);
  return Number(stdout);
}

async function proofs(result) {
  const metrics = await fetch(`${gateway.admin}/metrics`).then((answer) => answer.text());
  const line = metrics.split('\n')
    .find((text) => text.startsWith(`vestibule_device_proofs_total{result="${result}"}`));
  return Number(line?.split(' ').pop() ?? 0);
}

test('a browser stays for ten lives of its cookie, and a stolen one does not', async () => {
  const { context, page, sid } = await signedIn('ada');
  assert.match(await bound(sid), /^[\w-]{43}$/, 'the thumbprint of its key');
  const external = (await context.cookies(origin)).find(({ name }) => name === 'acme_token').value;
  const stays = async (tab) => {
    const answer = await tab.goto(origin);
    assert.equal(answer.status(), 200);
    assert.equal(await tab.title(), sid, 'the same session');
  };
  let stolen;
  do {
    await stays(page);
    stolen = await sessionCookie(context);
  } while (await curl(`${COOKIE}=${stolen}`) !== 200); // once within its time, on a slow machine too

  const other = await context.newPage();
  for (let life = 1; life <= 10; life += 1) {
    await gone(context);
    if (life === 5) assert.deepEqual(await gateway.restart(), { code: 0, signal: null });
    // Two tabs find it gone at once.
    await Promise.all([stays(page), stays(other)]);
  }
  assert.ok(await proofs('refreshed') >= 5, 'since the restart');
  for (const jar of [`${COOKIE}=${stolen}`, `acme_token=${external}`,
    `${COOKIE}=${stolen}; acme_token=${external}`]) {
    assert.equal(await curl(jar), 401, 'what the thief has');
  }
  await stays(page);
  await context.close();
});

test('a browser without the feature stays as before', async () => {
  const token = await issuer.token({ sub: 'grace' });
  assert.equal(await curl(`acme_token=${token}`), 200);
  assert.equal(await curl(`acme_token=${token}`), 200);
});

/** Waits until the browser has thrown its cookie away. */
async function gone(context) {
  const patience = AbortSignal.timeout(20_000);
  while (await sessionCookie(context)) patience.throwIfAborted();
}
