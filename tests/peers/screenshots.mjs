// Pictures of the dashboard, as a gateway shows it to which people have signed in: every page, light and
// dark, on a desk and on a phone. `make screenshots` writes them into a folder that git ignores. With MINUTES, there
// is traffic for so long before, which the charts show.
//
//   node screenshots.mjs FOLDER
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { launch } from './chromium.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';

const NAMES = ['ada', 'grace', 'barbara', 'edsger', 'donald', 'margaret', 'alan', 'katherine'];
const AGENTS = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
];

const folder = process.argv[2];
if (!folder) throw new Error('name the folder for the pictures');
await mkdir(folder, { recursive: true });

const [acme, initech] = await Promise.all([startIssuer(), startIssuer()]);
const upstreams = [1, 2].map(() => createServer((_, response) => response.end('inside')).listen(0, '127.0.0.1'));
await Promise.all(upstreams.map((upstream) => once(upstream, 'listening')));
const servers = upstreams.map((upstream) => `127.0.0.1:${upstream.address().port}`);
const gateway = await startGateway({
  issuers: [
    { name: 'acme', iss: acme.iss, jwks_url: acme.jwks_url, aud: 'app' },
    { name: 'initech', iss: initech.iss, jwks_url: initech.jwks_url },
  ],
  upstreams: { app: { servers } },
  routes: [
    { path: '/', upstream: 'app' },
    { path: '/admin', upstream: 'app', require: { role: 'admin' }, rate_per_user: '600/1m' },
    { path: '/public', upstream: 'app', auth: 'none' },
  ],
});
const browser = await launch();
try {
  const last = await people();
  await traffic(Number(process.env.MINUTES ?? 0));
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
      const save = async (name) => {
        // What sticks to the top of the window stands where it belongs.
        await page.evaluate(() => scrollTo(0, 0));
        await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      };
      for (const [name, path] of Object.entries(pages(last))) {
        await page.goto(`${gateway.admin}/dashboard${path}`);
        await save(name);
      }
      await debuggedToken(page, '/external');
      await save('token');
      await debuggedToken(page, '/external/issuer/acme');
      await save('issuer-token');
      await explainedRoute(page);
      await save('route-explained');
      await page.goto(`${gateway.admin}/dashboard/users/${last.user}`);
      await page.click('button:text-is("Block")');
      await page.waitForSelector('dialog');
      await save('question');
      await page.close();
    }
  }
} finally {
  await browser.close();
  await gateway.stop();
  for (const upstream of upstreams) upstream.close();
  await Promise.all([acme.stop(), initech.stop()]);
}

function pages({ user, request }) {
  return {
    overview: '', external: '/external', 'issuer-provider': '/external/new', 'issuer-new': '/external/new?preset=keycloak', issuer: '/external/issuer/acme',
    users: '/users', user: `/users/${user}`, sessions: '/sessions', 'sessions-all': '/sessions?all=true',
    refusals: '/refusals', refusal: `/refusals?id=${request}`, routes: '/routes', keys: '/keys', access: '/access',
    webhooks: '/webhooks', tokens: '/tokens', audit: '/audit', missing: '/nowhere',
    done: '/sessions?done=ended',
  };
}

/** A request with a new token, by one of three browsers. */
async function ask(sub, { agent = 0, life = 600, aud = 'app', issuer = acme, path = '/' } = {}) {
  const exp = Math.floor(Date.now() / 1000) + life;
  const token = await issuer.token({ sub, aud, email: `${sub}@example.com`, email_verified: true, exp });
  const headers = { authorization: `Bearer ${token}`, 'user-agent': AGENTS[agent] };
  return fetch(gateway.url + path, { headers });
}

/** Signs people in, some of them in vain, and drains a server; a user, and the id of a refused request. */
async function people() {
  for (const [at, name] of NAMES.entries()) await ask(name, { agent: at % 3, issuer: at % 4 ? acme : initech });
  await ask('ada', { path: '/admin' });
  await ask('ada', { aud: 'another' });
  const refused = await ask('grace', { life: -90 });
  const users = await admin('GET', '/users?q=grace@example.com');
  const user = users.users[0].id;
  const { sessions } = await admin('GET', `/sessions?user=${user}`);
  await admin('POST', `/sessions/${sessions[0].sid}/revoke`, {});
  await admin('POST', '/upstreams/app/drain', { server: servers[1] });
  return { user, request: refused.headers.get('x-request-id') };
}

/** A few requests a second, now more and now fewer, one in thirty refused. */
async function traffic(minutes) {
  const end = Date.now() + minutes * 60_000;
  for (let count = 0; Date.now() < end; count += 1) {
    const minute = Math.floor(Date.now() / 60_000);
    await ask(`${NAMES[count % 8]}${count % 40}`, { agent: count % 3, life: count % 30 ? 600 : -90 });
    await pause(150 + 250 * (1 + Math.sin(minute)));
  }
}

async function admin(method, path, body) {
  const headers = { 'content-type': 'application/json' };
  const sent = { method, headers, body: body && JSON.stringify(body) };
  const answer = await fetch(`${gateway.admin}/admin/api${path}`, sent);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** An expired token in the debugger. */
async function debuggedToken(page, path) {
  const exp = Math.floor(Date.now() / 1000) - 90;
  await page.goto(`${gateway.admin}/dashboard${path}`);
  await page.fill('#token', await acme.token({ sub: 'ada', aud: 'app', email: 'ada@example.com', exp }));
  await page.click('button:text-is("Test")');
}

/** A request that a rule refuses. */
async function explainedRoute(page) {
  await page.goto(`${gateway.admin}/dashboard/routes`);
  await page.fill('#url', '/admin/users');
  await page.click('summary:has-text("With a token")');
  await page.fill('#token', await acme.token({ sub: 'ada', aud: 'app' }));
  await page.click('button:text-is("Explain")');
}
