// The sample page of docs/sdk in Chromium, on another origin than the gateway; and pages that may
// not call it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const ENVIRONMENT = '6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d';
const COOKIE = 'customer_token';
const SDK_COOKIE = 'DYNAMIC_JWT_TOKEN';
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const MODES = {
  bearer: {},
  cookie: { sdk: { cookie: true } },
  'bring-your-own cookie': { cookie_name: COOKIE },
};
const docs = fileURLToPath(new URL('../../docs/sdk', import.meta.url));

let issuer, site, foreign, browser;
const gateways = {};

before(async () => {
  const bundle = await build({
    entryPoints: [`${docs}/main.js`],
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
    nodePaths: [fileURLToPath(new URL('node_modules', import.meta.url))],
  });
  const files = {
    '/': ['text/html', await readFile(`${docs}/index.html`)],
    '/bundle.js': ['text/javascript', bundle.outputFiles[0].contents],
  };
  site = await serve(files);
  // Same site, since ports do not count there, so that cookies come along; another origin.
  foreign = await serve({ '/': ['text/html', '<!doctype html><title>evil</title>'] });
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  for (const [mode, { cookie_name, ...settings }] of Object.entries(MODES)) {
    gateways[mode] = await startGateway({
      environment_id: ENVIRONMENT,
      allowed_origins: [site.origin],
      step_up: { scopes: ['wallet:export'] },
      issuers: [{ name: 'customer', iss, jwks_url, cookie_name, leeway: '0s', required_for_ready: true }],
      ...settings,
    });
  }
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
});

after(async () => {
  await browser?.close();
  for (const gateway of Object.values(gateways)) await gateway.stop();
  await issuer?.stop();
  await site?.stop();
  await foreign?.stop();
});

for (const mode of Object.keys(MODES)) {
  test(`the sample page signs in, steps up and signs out: ${mode}`, async (t) => {
    const { page, context, click, state } = await open(t, mode);
    const brings = mode === 'bring-your-own cookie';
    assert.equal((await click('start')).user, null);

    const bad = await click('sign-in', 'no.jwt.either');
    assert.equal(bad.error.code, 'invalid_external_auth_error', JSON.stringify(bad));
    const sub = `ada of ${mode}`;
    const token = await issuer.token({ sub, email: 'ada@example.com', emailVerified: true });
    if (brings) await setCookie(context, gateways[mode], token);
    const signedIn = await click('sign-in', brings ? '' : token);
    assert.equal(signedIn.error, null);
    assert.equal(signedIn.user.email, 'ada@example.com');
    assert.equal(signedIn.user.newUser, true);
    assert.equal(signedIn.hasToken, mode !== 'cookie');
    assert.equal(signedIn.stepUpRequired, true);
    const kept = (await context.cookies()).find(({ name }) => name === SDK_COOKIE);
    if (mode === 'cookie') {
      assert.deepEqual([kept.httpOnly, kept.sameSite, kept.path], [true, 'Lax', '/']);
      assert.ok(!(await page.evaluate(() => document.cookie)).includes(SDK_COOKIE));
    }

    for (const action of ['refresh-user', 'refresh-session']) {
      const { error, user } = await click(action);
      assert.equal(error, null, action);
      assert.equal(user.id, signedIn.user.id, action);
    }
    const claims = { iss: undefined, sub, scope: 'wallet:export', jti: `one of ${mode}` };
    const assertion = await issuer.token(claims);
    const steppedUp = await click('step-up', assertion);
    assert.equal(steppedUp.error, null);
    assert.equal(steppedUp.stepUpRequired, false);
    const replayed = await click('step-up', assertion);
    assert.equal(replayed.error.code, 'invalid_external_auth_error');

    // The SDK takes its session up again after a reload.
    await page.reload();
    await fill(page, mode);
    assert.equal((await click('start')).user.id, signedIn.user.id);
    assert.equal((await click('log-out')).user, null);
    assert.ok(!(await context.cookies()).some(({ name }) => name === SDK_COOKIE));
    assert.equal((await state()).user, null);
  });
}

test('the session ends in the page when the token does', async (t) => {
  const { page, click } = await open(t, 'bearer');
  await click('start');
  const exp = Math.floor(Date.now() / 1000) + 4;
  const signedIn = await click('sign-in', await issuer.token({ sub: 'brief', exp }));
  assert.equal(signedIn.user.verifiedCredentials[0].publicIdentifier, 'brief');
  await page.waitForFunction(() => {
    const { last, user } = JSON.parse(document.getElementById('state').textContent);
    return last === 'signed out' && user === null;
  });
  assert.ok(Date.now() / 1000 >= exp, 'and not before');
});

test('a page that is not listed reads nothing and changes nothing', async (t) => {
  const mode = 'cookie';
  const { context, click, page } = await open(t, mode);
  await click('start');
  const token = await issuer.token({ sub: 'victim' });
  const { user } = await click('sign-in', token);
  const base = `${gateways[mode].issuer}/api/v0/sdk/${ENVIRONMENT}`;
  const evil = await context.newPage();
  await evil.goto(foreign.origin);
  const attacker = await issuer.token({ sub: 'attacker' });
  const outcomes = await evil.evaluate(async ([base, api, attacker]) => {
    const json = { 'content-type': 'application/json' };
    const text = { 'content-type': 'text/plain' };
    const body = JSON.stringify({ jwt: attacker });
    const tries = {
      users: [`${base}/users`, {}],
      'users, simple': [`${base}/users`, { mode: 'no-cors' }],
      refresh: [`${base}/refresh`, { method: 'POST', headers: json }],
      'refresh, simple': [`${base}/refresh`, { method: 'POST', mode: 'no-cors' }],
      revoke: [`${base}/revoke`, { method: 'POST', headers: json }],
      'revoke, simple': [`${base}/revoke`, { method: 'POST', mode: 'no-cors' }],
      'log-out, simple': [`${api}/logout`, { method: 'POST', mode: 'no-cors' }],
      'sign in as another': [`${base}/externalAuth/signin`, { method: 'POST', headers: json, body }],
      'sign in as another, simple': [
        `${base}/externalAuth/signin`, { method: 'POST', mode: 'no-cors', headers: text, body },
      ],
    };
    const seen = {};
    for (const [name, [url, init]] of Object.entries(tries)) {
      seen[name] = await fetch(url, { credentials: 'include', ...init })
        .then(async (response) => `${response.type} ${(await response.text()).length}`, () => 'failed');
    }
    return seen;
  }, [base, gateways[mode].issuer, attacker]);
  for (const [name, outcome] of Object.entries(outcomes)) {
    assert.ok(['failed', 'opaque 0'].includes(outcome), `${name}: ${outcome}`);
  }
  // A form is sent without a preflight, and its answer is a page of its own.
  await evil.evaluate(([base, attacker]) => {
    const form = document.createElement('form');
    form.method = 'POST';
    form.enctype = 'text/plain';
    form.action = `${base}/externalAuth/signin`;
    const field = document.createElement('input');
    [field.name, field.value] = [`{"jwt":"${attacker}","x":"`, '"}'];
    form.append(field);
    document.body.append(form);
    form.submit();
  }, [base, attacker]);
  await evil.waitForURL(/externalAuth\/signin/);

  // The session is the same, and the victim's.
  assert.equal((await click('refresh-user')).user.id, user.id);
  assert.equal((await click('refresh-session')).user.id, user.id);
  assert.equal((await page.evaluate(() => document.cookie)).includes(SDK_COOKIE), false);
});

async function open(t, mode) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(site.origin);
  await fill(page, mode);
  const state = async () => JSON.parse((await page.textContent('#state')) || '{}');
  const click = async (id, jwt) => {
    if (jwt !== undefined) await page.fill('#jwt', jwt);
    const { done = 0 } = await state();
    await page.click(`#${id}`);
    // An event of the SDK may be shown in between; it has no count.
    await page.waitForFunction(([id, done]) => {
      const text = document.getElementById('state').textContent;
      const shown = text ? JSON.parse(text) : {};
      return shown.last === id && shown.done > done;
    }, [id, done]);
    return state();
  };
  return { context, page, click, state };
}

async function fill(page, mode) {
  await page.fill('#api', `${gateways[mode].issuer}/api/v0`);
  await page.fill('#environment', ENVIRONMENT);
}

function setCookie(context, gateway, value) {
  const { hostname } = new URL(gateway.url);
  return context.addCookies([
    { name: COOKIE, value, domain: hostname, path: '/', httpOnly: true, sameSite: 'Lax' },
  ]);
}

async function serve(files) {
  const server = createServer((request, response) => {
    const [type, content] = files[new URL(request.url, 'http://x').pathname] ?? [];
    if (type) response.setHeader('content-type', type);
    else response.statusCode = 404;
    response.end(content);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
