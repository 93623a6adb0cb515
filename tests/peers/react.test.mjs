// The platform's React SDK, 4.x and 5.x, in Chromium on another origin than the gateway.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

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
const RELEASES = { '4.x': '@dynamic-labs/sdk-react-core', '5.x': 'sdk-react-core-5' };

let issuer, site, browser;
const gateways = {};

before(async () => {
  const pages = {};
  for (const [release, installed] of Object.entries(RELEASES)) {
    pages[`/${release}/bundle.js`] = ['text/javascript', await bundle(installed)];
    pages[`/${release}/`] = ['text/html', '<!doctype html><title>App</title><div id="root"></div>'
      + '<script type="module" src="bundle.js"></script>'];
  }
  site = await serve(pages);
  issuer = await startIssuer();
  const { iss, jwks_url } = issuer;
  for (const [mode, { cookie_name, ...settings }] of Object.entries(MODES)) {
    gateways[mode] = await startGateway({
      environment_id: ENVIRONMENT,
      allowed_origins: [site.origin],
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
});

for (const release of Object.keys(RELEASES)) {
  for (const mode of Object.keys(MODES)) {
    const brings = mode === 'bring-your-own cookie';

    test(`React ${release} loads, signs in, refreshes, reloads and signs out: ${mode}`, async (t) => {
      const { page, context, click, until } = await open(t, release, mode);
      assert.equal((await until(({ sdkHasLoaded }) => sdkHasLoaded)).user, null);
      if (!brings) {
        const bad = await click('sign-in', 'no.jwt.either');
        assert.notEqual(bad.error, null, 'a bad token is refused');
        assert.equal(bad.user, null);
      }

      const sub = `ada by ${release} and ${mode}`;
      const token = await issuer.token({ sub, email: `${encodeURIComponent(sub)}@example.com`, emailVerified: true });
      if (brings) await setCookie(context, gateways[mode], token);
      const signedIn = await click('sign-in', brings ? '' : token);
      assert.equal(signedIn.error, null, JSON.stringify(signedIn));
      const { user } = await until(({ user }) => user !== null);
      assert.equal(user.verifiedCredentials[0].publicIdentifier, sub);
      assert.equal(user.email, `${encodeURIComponent(sub)}@example.com`);
      const readable = await page.evaluate(() => document.cookie);
      if (mode === 'cookie') assert.ok(!readable.includes(SDK_COOKIE), 'no script reads the cookie');

      for (const action of ['refresh-user', 'refresh-session']) {
        const state = await click(action);
        assert.equal(state.error, null, `${action}: ${JSON.stringify(state.error)}`);
        assert.equal(state.user.userId, user.userId, action);
      }
      await page.reload();
      const kept = await until((state) => state.user !== null);
      assert.equal(kept.user.userId, user.userId);
      assert.equal(kept.user.sessionId, user.sessionId);

      await click('log-out');
      assert.equal((await until((state) => state.user === null)).token, null);
      const { sessions } = await (await fetch(`${gateways[mode].admin}/admin/api/sessions`)).json();
      const { state } = sessions.find(({ sid }) => sid === user.sessionId);
      assert.equal(state, 'ended', 'the session is over at the gateway, too');
    });
  }
}

// They wait for the clock, so all at once.
describe('the session ends when the token does', { concurrency: true }, () => {
  for (const release of Object.keys(RELEASES)) {
    for (const mode of Object.keys(MODES)) {
      const brings = mode === 'bring-your-own cookie';
      test(`React ${release} signs out when the token expires: ${mode}`, async (t) => {
        const { context, click, until } = await open(t, release, mode);
        await until(({ sdkHasLoaded }) => sdkHasLoaded);
        const exp = Math.floor(Date.now() / 1000) + 15;
        const token = await issuer.token({ sub: `brief by ${release} and ${mode}`, exp });
        if (brings) await setCookie(context, gateways[mode], token);
        assert.equal((await click('sign-in', brings ? '' : token)).error, null);
        await until(({ user }) => user !== null);
        await until(({ user }) => user === null);
        assert.ok(Date.now() / 1000 >= exp, 'and not before');
      });
    }
  }
});

async function open(t, release, mode) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const log = [];
  page.on('console', (message) => log.push(message.text()));
  page.on('pageerror', (error) => log.push(String(error)));
  page.on('requestfailed', (request) => log.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`));
  // What the SDK reports to its maker is nobody's business here.
  await context.route((url) => !url.hostname.endsWith('127.0.0.1'), (route) => route.abort());
  const settings = new URLSearchParams({
    environmentId: ENVIRONMENT, apiBaseUrl: `${gateways[mode].issuer}/api/v0`,
  });
  await page.goto(`${site.origin}/${release}/?${settings}`);
  const state = async () => JSON.parse((await page.textContent('#state')) || '{}');
  const until = async (holds) => {
    try {
      await page.waitForFunction(`(${holds})(JSON.parse(document.getElementById('state')?.textContent || '{"user":0}'))`);
    } catch (error) {
      throw new Error(`${error.message}: ${await state()}\n${log.join('\n')}`);
    }
    return state();
  };
  const click = async (id, jwt) => {
    if (jwt !== undefined) await page.fill('#jwt', jwt);
    const { done } = await state();
    await page.click(`#${id}`);
    await page.waitForFunction(
      ([id, done]) => {
        const shown = JSON.parse(document.getElementById('state').textContent);
        return shown.name === id && shown.done > done;
      },
      [id, done],
    );
    return state();
  };
  return { context, page, click, until };
}

async function bundle(installed) {
  const { outputFiles: [script] } = await build({
    entryPoints: [fileURLToPath(new URL('react/page.jsx', import.meta.url))],
    alias: { '@dynamic-labs/sdk-react-core': installed },
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    logLevel: 'silent',
  });
  return script.contents;
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
