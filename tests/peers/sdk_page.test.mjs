// The sample page of docs/sdk in Chromium, on another origin than the gateway; and pages that may
// not call it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';

import { launch } from './chromium.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const ENVIRONMENT = '6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d';
const COOKIE = 'customer_token';
const SDK_COOKIE = 'DYNAMIC_JWT_TOKEN';
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
  browser = await launch();
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

for (const mode of Object.keys(MODES)) {
  test(`the session ends in the page when the token does: ${mode}`, async (t) => {
    const { context, page, click } = await open(t, mode);
    await click('start');
    const exp = Math.floor(Date.now() / 1000) + 5;
    const token = await issuer.token({ sub: `brief by ${mode}`, exp });
    const brings = mode === 'bring-your-own cookie';
    if (brings) await setCookie(context, gateways[mode], token);
    const signedIn = await click('sign-in', brings ? '' : token);
    assert.equal(signedIn.user.verifiedCredentials[0].publicIdentifier, `brief by ${mode}`);
    await page.waitForFunction(() => {
      const { last, user } = JSON.parse(document.getElementById('state').textContent);
      return last === 'signed out' && user === null;
    });
    assert.ok(Date.now() / 1000 >= exp, 'and not before');
  });
}

for (const mode of ['cookie', 'bring-your-own cookie']) {
  for (const where of ['on the same site', 'on another site']) {
    test(`a page that is not listed, ${where}, reads and changes nothing: ${mode}`, async (t) => {
      const { context, click } = await open(t, mode);
      const gateway = gateways[mode];
      await click('start');
      const victim = await issuer.token({ sub: `victim ${where} of ${mode}` });
      const brings = mode === 'bring-your-own cookie';
      if (brings) await setCookie(context, gateway, victim);
      const { user } = await click('sign-in', brings ? '' : victim);
      const kept = await context.cookies();
      const before = await records(gateway);

      const evil = await context.newPage();
      // Ports make no site, so cookies come along from the first; another name makes one.
      const origin = where === 'on the same site'
        ? foreign.origin : foreign.origin.replace('127.0.0.1', 'localhost');
      await evil.goto(origin);
      const attacker = await issuer.token({ sub: `attacker ${where} of ${mode}` });
      for (const [name, outcome] of Object.entries(await attempts(evil, gateway, attacker))) {
        assert.ok(['failed', 'opaque 0'].includes(outcome), `${name}: ${outcome}`);
      }
      // Forms are sent without a preflight, and their answers are pages of their own.
      const base = `${gateway.issuer}/api/v0/sdk/${ENVIRONMENT}`;
      for (const action of [
        `${base}/externalAuth/signin`, `${base}/externalAuth/verify`, `${base}/refresh`,
        `${base}/revoke`, `${base}/stepUp/check`, `${gateway.issuer}/logout`,
      ]) {
        const status = await submit(evil, action, attacker);
        assert.ok([401, 403, 415].includes(status), `${action}: ${status}`);
        await evil.goto(origin);
      }

      // Nobody signed in or out, and the cookies are those of before.
      assert.deepEqual(await records(gateway), before);
      assert.deepEqual(await context.cookies(), kept);
      assert.equal((await click('refresh-user')).user.id, user.id);
      assert.equal((await click('refresh-session')).user.id, user.id);
    });
  }
}

/** What a page tries by script, and how each ended for it. */
function attempts(evil, gateway, attacker) {
  return evil.evaluate(async ([base, api, attacker]) => {
    const json = { 'content-type': 'application/json' };
    const text = { 'content-type': 'text/plain' };
    const simple = { method: 'POST', mode: 'no-cors', headers: text };
    const asked = { method: 'POST', headers: json };
    const body = JSON.stringify({ jwt: attacker });
    const tries = {
      users: [`${base}/users`, {}],
      'users, simple': [`${base}/users`, { mode: 'no-cors' }],
      session: [`${base}/session`, {}],
      settings: [`${base}/settings`, {}],
      userinfo: [`${api}/userinfo`, {}],
      refresh: [`${base}/refresh`, asked],
      'refresh, simple': [`${base}/refresh`, simple],
      revoke: [`${base}/revoke`, asked],
      'revoke, simple': [`${base}/revoke`, simple],
      'log-out': [`${api}/logout`, asked],
      'log-out, simple': [`${api}/logout`, simple],
      'sign in by the cookie': [`${base}/externalAuth/signin`, { ...asked, body: '{}' }],
      'sign in by the cookie, simple': [`${base}/externalAuth/signin`, { ...simple, body: '{}' }],
      'sign in as another': [`${base}/externalAuth/signin`, { ...asked, body }],
      'sign in as another, simple': [`${base}/externalAuth/signin`, { ...simple, body }],
      'step up': [`${base}/externalAuth/verify`, { ...asked, body }],
      'step up, simple': [`${base}/externalAuth/verify`, { ...simple, body }],
    };
    const seen = {};
    for (const [name, [url, init]] of Object.entries(tries)) {
      seen[name] = await fetch(url, { credentials: 'include', ...init })
        .then(async (response) => `${response.type} ${(await response.text()).length}`, () => 'failed');
    }
    return seen;
  }, [`${gateway.issuer}/api/v0/sdk/${ENVIRONMENT}`, gateway.issuer, attacker]);
}

/** Sends a form whose content is JSON all the same; the answer's status. */
async function submit(evil, action, attacker) {
  const answered = evil.waitForResponse((response) => response.url() === action);
  await evil.evaluate(([action, attacker]) => {
    const form = document.createElement('form');
    form.method = 'POST';
    form.enctype = 'text/plain';
    form.action = action;
    const field = document.createElement('input');
    [field.name, field.value] = [`{"jwt":"${attacker}","scope":"x","y":"`, '"}'];
    form.append(field);
    document.body.append(form);
    form.submit();
  }, [action, attacker]);
  const response = await answered;
  await response.finished();
  return response.status();
}

/** All users and sessions, as operators see them. */
async function records(gateway) {
  const read = async (path) => (await fetch(`${gateway.admin}/admin/api/${path}`)).json();
  const [{ users }, { sessions }] = await Promise.all([read('users'), read('sessions')]);
  return {
    users: users.map(({ id }) => id).sort(),
    sessions: sessions.map(({ sid, state }) => `${sid} ${state}`).sort(),
  };
}

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
