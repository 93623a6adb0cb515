// The dashboard in headless Chromium: an operator switches an issuer, tests tokens, finds the user
// and revokes the session, and the next request through the proxy tells.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import axe from 'axe-core';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { chromium } from 'playwright-core';

import { startGateway } from './gateway.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const ISS = 'https://issuer.example';

let key, upstream, gateway, browser, page;
const violations = [];

before(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  upstream = createServer((_, response) => response.end('inside')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  gateway = await startGateway({
    issuers: [{ name: 'acme', iss: ISS, keys: [jwk] }],
    upstreams: { app: { servers: [`127.0.0.1:${upstream.address().port}`] } },
    routes: [{ path: '/', upstream: 'app' }],
  });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  page = await browser.newPage();
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });
  page.on('dialog', (dialog) => dialog.accept());
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  upstream?.close();
});

const token = (sub, life = 600) => new SignJWT({ email: `${sub}@example.com`, email_verified: true })
  .setProtectedHeader({ alg: 'ES256', kid: 'one' })
  .setIssuer(ISS).setSubject(sub).setIssuedAt()
  .setExpirationTime(Math.floor(Date.now() / 1000) + life)
  .sign(key);

const status = async (bearer) =>
  (await fetch(gateway.url, { headers: { authorization: `Bearer ${bearer}` } })).status;

test('an issuer that is turned off is refused on the next request', async () => {
  const ada = await token('ada');
  assert.equal(await status(ada), 200);
  await page.goto(`${gateway.admin}/`);
  assert.match(await page.title(), /Overview/);
  await page.click('nav >> text=External authentication');
  await page.click('text=Turn acme off');
  await page.waitForSelector('text=Turn acme on');
  assert.equal(await status(ada), 401);
  await page.click('text=Turn acme on');
  await page.waitForSelector('text=Turn acme off');
  assert.equal(await status(ada), 200);
});

test('a good and a bad token are told apart, with the reason', async () => {
  await page.goto(`${gateway.admin}/dashboard/external`);
  const good = await token('bob');
  await page.fill('#token', good);
  await page.click('main button:text-is("Test")');
  assert.equal(await page.textContent('#verdict'), 'accepted');
  assert.ok(!(await page.content()).includes(good), 'the page repeats the token');
  assert.ok(!page.url().includes(good));

  await page.fill('#token', await token('bob', -90));
  await page.click('main button:text-is("Test")');
  assert.equal(await page.textContent('#verdict'), 'refused');
  assert.match(await page.textContent('#result'), /expired/);
});

test('a user is found, and the session revoked', async () => {
  const eve = await token('eve');
  assert.equal(await status(eve), 200);
  await page.goto(`${gateway.admin}/dashboard/users`);
  // By the keyboard alone.
  await page.focus('#q');
  await page.keyboard.type('eve@example.com');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=eve/);
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.click('tbody a');
  await page.waitForSelector('#user');
  assert.match(await page.textContent('main'), /externalUser/);
  await page.click('button:text-is("Revoke")');
  await page.waitForSelector('td:text-is("ended")');
  assert.equal(await status(eve), 401);

  await page.click('nav >> text=Audit');
  await page.waitForURL(/audit/);
  assert.match(await page.textContent('tbody tr'), /session\.revoke/);
});

test('axe-core finds nothing serious on any page, in light and dark', async () => {
  assert.equal(await status(await token('mallory')), 200);
  await page.goto(`${gateway.admin}/dashboard/users?q=mallory`);
  const one = await page.getAttribute('tbody a', 'href');
  const paths = ['', '/external', '/users', '/sessions', '/keys', '/routes', '/audit'];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const path of [...paths.map((path) => `/dashboard${path}`), one]) {
      await page.goto(`${gateway.admin}${path}`);
      await page.evaluate(axe.source);
      const { violations: found, passes } = await page.evaluate(() => window.axe.run());
      assert.ok(passes.length > 10, 'axe-core looked at the page');
      const told = found.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0].html}`);
      assert.deepEqual(told, [], `${path} in ${colorScheme}`);
    }
  }
});

test('pages fit a phone, in light and dark, and break no policy', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  const paths = ['', '/external', '/users', '/sessions', '/keys', '/routes', '/audit'];
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const path of paths) {
      await page.goto(`${gateway.admin}/dashboard${path}`);
      const overflow = await page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
      const [text, ground] = await page.evaluate(() => {
        const style = getComputedStyle(document.body);
        return [style.color, style.backgroundColor];
      });
      assert.ok(contrast(text, ground) >= 7, `${path} in ${scheme}: ${text} on ${ground}`);
    }
  }
  assert.deepEqual(violations, []);
});

/** WCAG 2.2, contrast ratio of two CSS colours. */
function contrast(one, other) {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/\d+/g).map(Number).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
