// Pages in Chromium whose cookie the gateway reads: forms of pages that hide their address, refusals that
// a page of another origin can read, twin cookies, a login page that sends people back, a logout by form,
// and a socket that outlives the token that opened it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { WebSocketServer } from 'ws';

import { launch } from './chromium.mjs';
import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { freePort } from './process.mjs';

let issuer, gateway, app, other, browser, url, spa;

before(async () => {
  issuer = await startIssuer();
  app = await startApp();
  other = await startPage();
  // Another site by name, at the same machine.
  spa = `http://localhost:${other.address().port}`;
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  gateway = await startGateway({
    public_url: url,
    listeners: [{ address: `127.0.0.1:${port}` }],
    allowed_origins: [spa],
    login_url: '/login',
    logout: { clear_issuer_cookie: false },
    issuers: [{
      name: 'acme', iss: issuer.iss, jwks_url: issuer.jwks_url, cookie_name: 'acme_token', leeway: '0s',
      cookie_path: '/', required_for_ready: true,
    }],
    upstreams: { app: { servers: [`127.0.0.1:${app.address().port}`] } },
    routes: [
      { path: '/', upstream: 'app' },
      { path: '/login', upstream: 'app', auth: 'optional', forward_issuer_cookie: ['acme'] },
    ],
  });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  for (const server of [app, other]) {
    server?.closeAllConnections();
    server?.close();
  }
  await issuer?.stop();
});

/** A browser that holds this token of the issuer. */
async function signedIn(claims) {
  const context = await browser.newContext();
  await hold(context, await issuer.token(claims));
  return context;
}

function hold(context, token) {
  return context.addCookies([{ name: 'acme_token', value: token, url }]);
}

test('a page that hides its address posts its own form', async () => {
  const context = await signedIn({ sub: 'ada' });
  const page = await context.newPage();
  await page.goto(`${url}/form`);
  const posted = page.waitForRequest((request) => request.method() === 'POST');
  await page.click('button');
  assert.equal((await (await posted).allHeaders()).origin, 'null');
  await page.waitForURL(`${url}/posted`);
  assert.match(await page.textContent('body'), /^POST/);
  await context.close();
});

test('a page of another origin reads why it was refused', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(spa);
  const read = (path) => page.evaluate(async (address) => {
    const response = await fetch(address, { credentials: 'include' });
    return { status: response.status, code: (await response.json()).code };
  }, `${url}${path}`);
  assert.deepEqual(await read('/data'), { status: 401, code: 'token_missing' });
  await context.close();
});

test('twin cookies lead to the login page and lock nobody out', async () => {
  const context = await signedIn({ sub: 'bob' });
  // A cookie of one name and another path is one that a browser sends along.
  await context.addCookies([{ name: 'acme_token', value: 'old', domain: '127.0.0.1', path: '/twins' }]);
  const page = await context.newPage();
  await page.goto(`${url}/twins`);
  assert.equal(new URL(page.url()).pathname, '/login');
  assert.equal(await page.title(), 'Log in');
  await context.close();
});

test('a login page that sends people back is left by a page with a way out', async () => {
  const context = await signedIn({ sub: 'eve', sid: 'eve-1' });
  const page = await context.newPage();
  assert.equal((await page.goto(`${url}/a`)).status(), 200);
  const ended = await page.evaluate(() => fetch('/_vestibule/logout', { method: 'POST' }));
  assert.ok(ended);
  const stopped = await page.goto(`${url}/a`);
  assert.equal(stopped.status(), 401);
  assert.match(await page.textContent('main'), /Sign out first/);
  // The form deletes the cookie, and leads back to where the person wanted to go.
  await page.click('button');
  await page.waitForURL((at) => at.pathname === '/login');
  assert.equal(new URL(page.url()).searchParams.get('return_to'), '/a');
  await context.close();
});

test('a form logs out and leads on', async () => {
  const context = await signedIn({ sub: 'fay', sid: 'fay-1' });
  const page = await context.newPage();
  await page.goto(`${url}/out`);
  await page.click('button');
  await page.waitForURL((at) => at.pathname === '/login');
  assert.equal(new URL(page.url()).searchParams.get('bye'), '1');
  await context.close();
});

test('a socket lives as long as its session, not as its token', async () => {
  const soon = Math.floor(Date.now() / 1000) + 8;
  const context = await signedIn({ sub: 'gus', sid: 'gus-1', exp: soon });
  const page = await context.newPage();
  await page.goto(`${url}/a`);
  await page.evaluate(() => new Promise((opened, failed) => {
    window.socket = new WebSocket(`ws://${location.host}/socket`);
    window.socket.onopen = opened;
    window.socket.onerror = failed;
  }));
  await hold(context, await issuer.token({ sub: 'gus', sid: 'gus-1' }));
  assert.equal(await page.evaluate(async () => (await fetch('/a')).status), 200);
  // Another login, with a token of the same end, and nothing newer.
  const left = await signedIn({ sub: 'hal', sid: 'hal-1', exp: soon + 1 });
  const leftPage = await left.newPage();
  await leftPage.goto(`${url}/a`);
  await leftPage.evaluate(() => new Promise((closed) => {
    new WebSocket(`ws://${location.host}/socket`).onclose = closed;
  }));
  const echoed = await page.evaluate(() => new Promise((answered, failed) => {
    window.socket.onclose = () => failed(new Error('closed'));
    window.socket.onmessage = ({ data }) => answered(data);
    window.socket.send('still here');
  }));
  assert.equal(echoed, 'still here');
  await context.close();
  await left.close();
});

/** The site behind the gateway, with a login page that takes the issuer's cookie for a login. */
async function startApp() {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://app');
    response.setHeader('content-type', 'text/html');
    if (pathname === '/login') {
      // Two cookies are none, as for most servers that know better.
      const tokens = (request.headers.cookie ?? '').match(/acme_token=/g) ?? [];
      if (tokens.length === 1 && searchParams.has('return_to')) {
        response.writeHead(302, { location: searchParams.get('return_to') }).end();
        return;
      }
      response.end('<title>Log in</title>');
      return;
    }
    if (pathname === '/form') {
      response.setHeader('referrer-policy', 'no-referrer');
      response.end('<form method="post" action="/posted"><button>Send</button></form>');
      return;
    }
    if (pathname === '/out') {
      response.end(`<form method="post" action="/_vestibule/logout">
        <input type="hidden" name="return_to" value="/login?bye=1"><button>Log out</button></form>`);
      return;
    }
    request.resume().on('end', () => response.end(`${request.method} ${pathname}`));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A page of another origin. */
async function startPage() {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<title>Another origin</title>');
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return server;
}
