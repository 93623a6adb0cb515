// The cookie flow in headless Chromium, through the login page of `vestibule demo`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './chromium.mjs';
import { Child, vestibule } from './process.mjs';

let demo, browser, app;

before(async () => {
  demo = new Child(vestibule(), ['demo', '--port', '0']);
  await demo.prints('Ctrl-C ends it.');
  app = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.output)[0];
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const end = await demo?.stop();
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the demo well');
});

test('a person logs in by a cookie that no script sees', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const outside = [];
  page.on('request', (request) => {
    if (new URL(request.url()).hostname !== '127.0.0.1') outside.push(request.url());
  });
  const violations = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });

  // A browser is led to the login page; whatever does not ask for a page is refused.
  await page.goto(`${app}/private`);
  assert.equal(await page.title(), 'Log in');
  assert.equal((await fetch(`${app}/private`)).status, 401);

  const landing = await page.goto(app);
  assert.equal(landing.status(), 200);
  assert.equal(await page.title(), 'Not signed in');
  await page.click('#login');
  assert.equal(await page.title(), 'Log in');
  await page.fill('input[name=user]:visible', 'ada <b>');
  await page.fill('input[name=email]:visible', 'ada@example.com');
  await page.click('form:has(input[name=user]:visible) button');

  await page.waitForURL(`${app}/private`);
  assert.equal(await page.title(), 'Signed in');
  const claims = JSON.parse(await page.textContent('#claims'));
  assert.equal(claims.iss, `${app}/_vestibule`);
  assert.equal(claims.aud, app);
  assert.equal(claims.email, 'ada@example.com');

  const cookies = await context.cookies();
  const external = cookies.find(({ name }) => name === 'demo_token');
  assert.equal(external.httpOnly, true);
  assert.equal(external.sameSite, 'Lax');
  assert.doesNotMatch(await page.evaluate(() => document.cookie), /demo_token/);
  const request = await page.textContent('#request');
  assert.ok(!request.includes(external.value), 'the external token reached the upstream');
  assert.doesNotMatch(request, /demo_token/);
  const sent = page.frameLocator('iframe').locator('pre');
  assert.ok((await sent.textContent()).includes(`demo_token=${external.value}`), 'what was sent is shown next to it');
  assert.match(await page.getAttribute('nav a:has-text("Dashboard")', 'href'), /\/dashboard$/);

  // The same person again: a new token, a new session, the same user.
  await page.click('#logout');
  await page.waitForURL(`${app}/`);
  assert.equal(await page.title(), 'Not signed in');
  await page.goto(`${app}/private`);
  assert.equal(await page.title(), 'Log in');
  await page.fill('input[name=user]:visible', 'ada <b>');
  await page.click('form:has(input[name=user]:visible) button');
  await page.waitForURL(`${app}/private`);
  const again = JSON.parse(await page.textContent('#claims'));
  assert.equal(again.sub, claims.sub);
  assert.notEqual(again.sid, claims.sid);

  assert.deepEqual(outside, [], 'nothing is loaded from outside');
  assert.deepEqual(violations, []);
  await context.close();
});

test('a person of the samples is another user', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(app);
  await page.click('#login');
  await page.click('#linus');
  await page.waitForURL(`${app}/private`);
  const claims = JSON.parse(await page.textContent('#claims'));
  assert.equal(claims.email, undefined, 'an email that is not verified does not go out');
  await context.close();
});
