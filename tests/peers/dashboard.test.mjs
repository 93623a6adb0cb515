// The dashboard in headless Chromium. The walk of an operator: an issuer is added, a good and a bad
// token are tested, it is turned on, somebody signs in through the proxy, is found among the users,
// the session is revoked, and the next request is refused. Then every page, as axe-core, a phone
// and whoever has no mouse or no script see it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import axe from 'axe-core';

import { launch } from './chromium.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

let acme, initech, upstream, gateway, browser, page;
const violations = [];

// Every page, with what is on it only after the walk.
const PAGES = [
  '', '?range=7d', '/external', '/external/new', '/external/new?preset=', '/external/new?preset=entra', '/external/issuer/acme', '/external/issuer/initech',
  '/external/issuer/initech/edit', '/refusals', '/access', '/users', '/sessions', '/sessions?all=true', '/keys', '/routes', '/tokens', '/audit',
];

before(async () => {
  [acme, initech] = await Promise.all([startIssuer(), startIssuer()]);
  upstream = createServer((_, response) => response.end('inside')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  gateway = await startGateway({
    issuers: [{ name: 'acme', iss: acme.iss, jwks_url: acme.jwks_url }],
    upstreams: { app: { servers: [`127.0.0.1:${upstream.address().port}`] } },
    routes: [{ path: '/', upstream: 'app' }],
  });
  browser = await launch();
  page = await browser.newPage();
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  upstream?.close();
  await acme?.stop();
  await initech?.stop();
});

const token = (sub, { issuer = acme, life = 600 } = {}) => issuer.token({
  sub, aud: 'app', email: `${sub}@example.com`, email_verified: true,
  exp: Math.floor(Date.now() / 1000) + life,
});

const status = async (bearer) =>
  (await fetch(gateway.url, { headers: { authorization: `Bearer ${bearer}` } })).status;

/** Does what is asked about, as the dialog has it. */
const agree = () => page.click('dialog button.sure');

const verdict = () => page.textContent('#verdict');

test('an issuer is added, tested, turned on; its user is found and the session revoked', async () => {
  const good = await token('ada', { issuer: initech });
  const bad = await token('ada', { issuer: initech, life: -90 });
  assert.equal(await status(good), 401);

  await page.goto(`${gateway.admin}/`);
  assert.match(await page.title(), /^Overview/);
  await page.click('nav >> text=External authentication');
  await page.click('text=Add an issuer');
  assert.match(await page.textContent('[aria-current=step]'), /1 Provider/);
  await page.click('main >> text=Any provider');
  assert.match(await page.textContent('[aria-current=step]'), /2 Values/);
  await page.fill('#name', 'initech');
  // Looked up while it is typed; what the document says instead is taken over by a button.
  await page.locator('#iss').pressSequentially(`${initech.iss}/`);
  await page.click(`button:has-text("Use ${initech.iss}")`);
  await page.waitForSelector('#discovery:has-text("Found")');
  assert.equal(await page.inputValue('#iss'), initech.iss);
  assert.equal(await page.inputValue('#name'), 'initech');
  await page.check('text=At an address');
  // Refused first: what was typed is kept, and the field that is wrong is led to.
  await page.fill('#jwks_url', 'http://keys.example/jwks.json');
  await page.click('button:text-is("Add issuer")');
  await page.waitForSelector('#problems:focus');
  assert.match(await page.title(), /^Error: /);
  assert.match(await page.textContent('#problems'), /not https/);
  assert.equal(await page.inputValue('#name'), 'initech');
  await page.fill('#jwks_url', initech.jwks_url);
  await page.fill('#aud', 'app');

  // The settings are tested before they are saved.
  await page.fill('#token', good);
  await page.click('button:text-is("Test")');
  assert.equal(await verdict(), 'accepted');
  assert.equal(await page.inputValue('#aud'), 'app');
  await page.fill('#token', bad);
  await page.click('button:text-is("Test")');
  assert.equal(await verdict(), 'refused');
  assert.match(await page.textContent('#result'), /expired/);
  await page.click('button:text-is("Add issuer")');
  await page.waitForURL(/issuer\/initech\?done=made/);

  // And after: a token that only waits for the switch, and one that is bad.
  await page.fill('#token', good);
  await page.click('button:text-is("Test")');
  assert.equal(await verdict(), 'accepted once the issuer is on');
  // It stays in its field, with what it says below, and is in no address.
  assert.equal(await page.inputValue('#token'), good);
  assert.match(await page.textContent('.decoded'), /ada@example\.com/);
  assert.ok(!page.url().includes(good));
  await page.fill('#token', bad);
  await page.click('button:text-is("Test")');
  assert.equal(await verdict(), 'refused');
  assert.equal(await status(good), 401);

  await page.click('text=Turn initech on');
  await page.waitForSelector('text=Turn initech off');
  assert.equal(await status(good), 200);
  assert.equal(await status(bad), 401);

  await page.click('nav >> text=Users');
  // By the keyboard alone.
  await page.focus('#q');
  await page.keyboard.type('ada@example.com');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=ada/);
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.focus('tbody a');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#user');
  assert.match(await page.textContent('main'), /externalUser/);
  await page.focus('button:text-is("Revoke")');
  await page.keyboard.press('Enter');
  // Asked first: nothing is done by a second Enter, or by Escape.
  await page.waitForSelector('dialog a:focus:text-is("Cancel")');
  assert.match(await page.textContent('dialog h2'), /^End this session of ada@example\.com\?$/);
  await axeFindsNothing('a question');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.focus('button:text-is("Revoke")');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog a:focus');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  assert.equal(await status(good), 200);
  await page.focus('button:text-is("Revoke")');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog a:focus');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.state:text-is("ended")');
  assert.equal(await status(good), 401);

  await page.click('nav >> text=Audit log');
  const newest = page.locator('tbody tr');
  assert.match(await newest.nth(0).textContent(), /session\.revoke/);
  assert.match(await newest.nth(1).textContent(), /issuer\.enable/);
  assert.match(await newest.nth(2).textContent(), /issuer\.create/);
});

test('an issuer that is turned off is refused on the next request', async () => {
  const bob = await token('bob');
  assert.equal(await status(bob), 200);
  await page.goto(`${gateway.admin}/dashboard/external`);
  await page.click('a:text-is("acme")');
  await page.click('text=Turn acme off');
  await agree();
  await page.waitForSelector('text=Turn acme on');
  assert.equal(await status(bob), 401);
  await page.click('text=Turn acme on');
  await page.waitForSelector('text=Turn acme off');
  assert.equal(await status(bob), 200);
});

test('sessions that are opened come into the list by themselves', async () => {
  await page.goto(`${gateway.admin}/dashboard/sessions`);
  const before = await page.locator('tbody tr').count();
  assert.equal(await status(await token('grace')), 200);
  await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length > count, before);
});

test('sessions that are ticked are ended together, and the list stays in sight', async () => {
  const tokens = await Promise.all(['kay', 'lou'].map((sub) => token(sub)));
  for (const one of tokens) assert.equal(await status(one), 200);
  await page.goto(`${gateway.admin}/dashboard/sessions`);
  for (const name of ['kay', 'lou']) await page.check(`tr:has-text("${name}@example.com") input[name=sid]`);
  await page.click('text=Revoke the selected sessions');
  assert.match(await page.textContent('dialog h2'), /^End 2 sessions\?$/);
  await agree();
  await page.waitForSelector('[role=status]:has-text("were ended")');
  assert.equal(new URL(page.url()).pathname, '/dashboard/sessions');
  for (const one of tokens) assert.equal(await status(one), 401);
  await page.click('nav >> text=All');
  await page.waitForSelector('tr:has-text("kay@example.com"):has-text("revoked by loopback")');
});

test('Enter in a tick box asks about what is ticked, and in a field it adds the issuer', async () => {
  for (const sub of ['may', 'ned']) assert.equal(await status(await token(sub)), 200);
  await page.goto(`${gateway.admin}/dashboard/sessions`);
  const second = 'tbody tr:nth-child(2) input[name=sid]';
  await page.focus(second);
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog');
  assert.equal(await page.textContent('dialog h2'), 'End 1 session?');
  assert.equal(await page.getAttribute('dialog input[name=sid]', 'value'), await page.getAttribute(second, 'value'));
  await page.keyboard.press('Escape');

  await page.goto(`${gateway.admin}/dashboard/external/new?preset=`);
  await page.fill('#name', 'enter');
  await page.press('#name', 'Enter');
  await page.waitForSelector('#problems:focus');
  assert.match(await page.textContent('#problems'), /Not saved:.*iss/s);
});

test('a button that is clicked twice does its act once', async () => {
  await page.goto(`${gateway.admin}/dashboard/tokens`);
  await page.fill('#name', 'twice');
  await page.dblclick('button:text-is("Create token")');
  await page.waitForSelector('#new-token');
  await page.goto(`${gateway.admin}/dashboard/tokens`);
  await page.dblclick('[aria-label="Revoke the token of twice"]');
  await page.waitForSelector('dialog');
  assert.equal(await page.locator('dialog').count(), 1);
  // What was asked about can be asked about again.
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.click('[aria-label="Revoke the token of twice"]');
  await agree();
  await page.waitForSelector('[role=status]:has-text("refused from now on")');
});

test('a list that is no longer up to date says so', async () => {
  const list = '**/dashboard/sessions';
  await page.goto(`${gateway.admin}/dashboard/sessions`);
  await page.route(list, (route) => route.abort());
  await page.waitForSelector('[role=alert]:has-text("does not answer")');
  await page.unroute(list);
  await page.waitForSelector('[role=alert]', { state: 'detached' });
});

test('a request id leads from the error page to the reason', async () => {
  const refused = await fetch(gateway.url, { headers: { authorization: `Bearer ${await token('ida', { life: -90 })}` } });
  assert.equal(refused.status, 401);
  await page.goto(`${gateway.admin}/dashboard`);
  await page.click('nav >> text=Refusals');
  await page.fill('#id', refused.headers.get('x-request-id'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('h2:text-is("Token expired")');
  await axeFindsNothing('a refusal');
});

test('routes say which of them gets a request, and why it is refused', async () => {
  await page.goto(`${gateway.admin}/dashboard/routes`);
  await page.fill('#url', '/private?a=b');
  await page.click('summary:has-text("With a token")');
  await page.fill('#token', await token('ida', { life: -90 }));
  await page.click('button:text-is("Explain")');
  await page.waitForSelector('#answer:focus');
  assert.equal(await verdict(), 'refused');
  assert.match(await page.textContent('#answer'), /on the route \/ to the upstream app.*expired/s);
  // What failed is on top, what passed is folded up below.
  assert.match(await page.textContent('#answer tbody tr:first-child'), /expiry.*fail/s);
  assert.equal(await page.locator('#answer tbody tr').count(), 1);
  assert.equal(await page.isVisible('#answer .passes'), false);
  await axeFindsNothing('an explained request');
});

test('on a phone the menu is a button that says where one is', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${gateway.admin}/dashboard/users`);
  assert.match(await page.textContent('label[for=menu]'), /Users/);
  assert.equal(await page.locator('nav a:has-text("Sessions")').isVisible(), false);
  await page.focus('#menu');
  await page.keyboard.press('Space');
  await page.click('nav a:has-text("Sessions")');
  await page.waitForURL(/sessions/);
  await page.setViewportSize({ width: 1280, height: 720 });
});

test('without script an issuer is changed and deleted', async () => {
  const brief = await startIssuer();
  const context = await browser.newContext({ javaScriptEnabled: false });
  try {
    const plain = await context.newPage();
    await plain.goto(`${gateway.admin}/dashboard/external/new?preset=`);
    await plain.fill('#name', 'brief');
    await plain.fill('#iss', brief.iss);
    await plain.check('text=At an address');
    await plain.fill('#jwks_url', brief.jwks_url);
    await plain.click('button:text-is("Add issuer")');
    await plain.click('text=Change settings');
    await plain.check('#enabled');
    await plain.click('button:text-is("Save settings")');
    assert.match(await plain.textContent('main'), /saved and are in force/);
    assert.equal(await status(await token('eve', { issuer: brief })), 200);
    await plain.click('text=Delete brief');
    assert.equal(await plain.textContent('h1'), 'Delete brief?');
    assert.equal(await status(await token('eve', { issuer: brief })), 200);
    await plain.click('text=Cancel');
    await plain.click('text=Delete brief');
    await plain.click('button:text-is("Delete the issuer")');
    assert.equal(await status(await token('eve', { issuer: brief })), 401);
  } finally {
    await context.close();
    await brief.stop();
  }
});

test('axe-core finds nothing on any page, in light and dark, on a desk and on a phone', async () => {
  assert.equal(await status(await token('mallory')), 200);
  await page.goto(`${gateway.admin}/dashboard/users?q=mallory`);
  const one = await page.getAttribute('tbody a', 'href');
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const path of [...PAGES.map((path) => `/dashboard${path}`), one, '/dashboard/external/issuer/nobody']) {
        await page.goto(`${gateway.admin}${path}`);
        await axeFindsNothing(`${path} in ${colorScheme} at ${width}`);
      }
    }
  }
});

test('axe-core finds nothing where a form was refused and a token tested', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${gateway.admin}/dashboard/external/new?preset=`);
    await page.click('button:text-is("Add issuer")');
    await axeFindsNothing(`a refused form in ${colorScheme}`);
    for (const life of [600, -90]) {
      await page.goto(`${gateway.admin}/dashboard/external`);
      await page.fill('#token', await token('bob', { life }));
      await page.click('button:text-is("Test")');
      await axeFindsNothing(`a test in ${colorScheme}`);
    }
    await page.goto(`${gateway.admin}/dashboard/tokens`);
    await page.fill('#name', `ada-${colorScheme}`);
    await page.click('text=Create token');
    await axeFindsNothing(`a new token in ${colorScheme}`);
  }
});

test('pages fit a phone, are read easily in light and dark, and break no policy', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const path of PAGES) {
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

async function axeFindsNothing(where) {
  await page.evaluate(axe.source);
  const { violations: found, passes } = await page.evaluate(() => window.axe.run());
  assert.ok(passes.length > 10, 'axe-core looked at the page');
  const told = found.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0].html}`);
  assert.deepEqual(told, [], where);
}

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
