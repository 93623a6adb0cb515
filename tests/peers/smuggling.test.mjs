// Request smuggling before three real upstreams: none of them sees a request that the gateway did
// not let pass, whatever it is hidden in, and none mistakes one answer for another afterwards.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { posix } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startGateway } from './gateway.mjs';
import { requestByHand } from './http2.mjs';
import { startIssuer } from './issuer.mjs';
import { startNginx } from './nginx.mjs';
import { freePort } from './process.mjs';
import { HTTP1, HTTP2 } from './smuggling.mjs';
import { startNode, startPython } from './upstreams.mjs';

const NAMES = ['nginx', 'node', 'python'];
/** Half a second after the last byte the gateway gives up on a request that does not end. */
const BRIEF = '500ms';
const AT_ONCE = 16;

const host = (name) => `${name}.test`;
const hidden = (name) => `GET /secret/hidden HTTP/1.1\r\nHost: ${host(name)}\r\n\r\n`;

let issuer, gateway, port, h2cPort;
const upstreams = {};
const outcomes = []; // of each case at each upstream
const seen = {}; // by upstream: every request that it saw

before(async () => {
  issuer = await startIssuer();
  [upstreams.nginx, upstreams.node, upstreams.python] =
    await Promise.all([startNginx(), startNode(), startPython()]);
  [port, h2cPort] = [await freePort(), await freePort()];
  gateway = await startGateway({
    public_url: 'http://app.test',
    listeners: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${h2cPort}`, h2c: true }],
    issuers: [{ name: 'acme', iss: issuer.iss, jwks_url: issuer.jwks_url, required_for_ready: true }],
    upstreams: Object.fromEntries(NAMES.map((name) => [name, { servers: [upstreams[name].server] }])),
    routes: NAMES.flatMap((name) => [
      { host: host(name), path: '/', upstream: name },
      { host: host(name), path: '/open', auth: 'none', upstream: name },
    ]),
    limits: { header_timeout: BRIEF, body_read_timeout: BRIEF, keepalive_timeout: BRIEF },
  });

  await eachOf(NAMES.flatMap((name) => HTTP1.map((one) => ({ ...one, upstream: name }))), async (one) => {
    const answer = await exchange(one.bytes(host(one.upstream), hidden(one.upstream)));
    outcomes.push({ name: `${one.name} (${one.upstream})`, statuses: statuses(answer) });
  });
  await eachOf(NAMES.flatMap((name) => HTTP2.map((one) => ({ ...one, upstream: name }))), async (one) => {
    const ended = await requestByHand(
      h2cPort, one.fields(host(one.upstream)), one.rest(hidden(one.upstream)));
    outcomes.push({ name: `${one.name} (${one.upstream})`, ended });
  });
  for (const name of NAMES) await twins(name);
  for (const name of NAMES) {
    const finished = await upstreams[name].finish();
    seen[name] = name === 'nginx' ? finished.all : finished;
  }
});

after(async () => {
  const end = await gateway?.stop();
  await issuer?.stop();
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the gateway well');
});

const good = {}; // by upstream: the answers to requests with nothing hidden

/** The same with nothing hidden, and then many requests on the connections that are left. */
async function twins(name) {
  const text = hidden(name);
  const head = (path, fields) => `POST /open/${path} HTTP/1.1\r\nHost: ${host(name)}\r\n` +
    `Connection: close\r\n${fields}\r\n\r\n`;
  const length = head('twin/length', `Content-Length: ${text.length}`) + text;
  const chunked = head('twin/chunked', 'Transfer-Encoding: chunked') +
    `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const token = await issuer.token({ sub: 'ada' });
  const allowed = `GET /secret/allowed HTTP/1.1\r\nHost: ${host(name)}\r\n` +
    `Authorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
  const get = (path) => `GET /open/twin/${path} HTTP/1.1\r\nHost: ${host(name)}\r\n\r\n`;
  const h2 = await requestByHand(h2cPort, [
    [':method', 'POST'], [':scheme', 'http'], [':authority', host(name)], [':path', '/open/twin/h2'],
    ['content-length', `${text.length}`],
  ], { body: text });
  const after = [];
  for (let number = 0; number < 20; number += 1) {
    const target = `/open/after/${number}`;
    const answer = await exchange(
      `GET ${target} HTTP/1.1\r\nHost: ${host(name)}\r\nConnection: close\r\n\r\n`);
    after.push({ target, answered: /^x-seen: (.*)\r$/im.exec(answer)?.[1] });
  }
  good[name] = {
    length: await exchange(length), chunked: await exchange(chunked),
    allowed: await exchange(allowed), pair: await exchange(get('first'), get('second')),
    pipelined: await exchange(get('third') + get('fourth')), h2, after,
  };
}

for (const name of NAMES) {
  describe(`before ${name}`, () => {
    test('no hidden request is seen', () => {
      const targets = seen[name].map(({ target }) => target);
      const means = (target) => posix.normalize(decoded(target).replaceAll('\\', '/'));
      const passed = targets.filter((target) => /^\/+secret/i.test(means(target)));
      assert.deepEqual(passed, ['/secret/allowed']);
      // Many cases are good requests with a strange content, so the test is not of refusals alone.
      assert.ok(targets.length > 40, `${targets.length} requests came`);
      assert.ok(targets.every((target) => target.startsWith('/open') || target === '/up' ||
        target === '/secret/allowed'), `${targets}`);
    });

    test('what hides nothing is seen', () => {
      for (const kind of ['length', 'chunked', 'allowed']) {
        assert.deepEqual(statuses(good[name][kind]), [200], kind);
      }
      assert.deepEqual(statuses(good[name].pair), [200, 200]);
      // What came before its time is not read as a request: the client has to send it again.
      assert.deepEqual(statuses(good[name].pipelined), [200]);
      assert.equal(good[name].h2, 'answer');
      const entry = (target) => seen[name].find((one) => one.target === target);
      assert.match(entry('/secret/allowed').authorization, /^Bearer /);
      for (const kind of ['first', 'second']) assert.ok(entry(`/open/twin/${kind}`), kind);
      if (name === 'nginx') return; // which does not tell of bodies
      for (const kind of ['length', 'chunked', 'h2']) {
        assert.equal(entry(`/open/twin/${kind}`).body, hidden(name), kind);
      }
    });

    test('each request has its own answer afterwards', () => {
      for (const { target, answered } of good[name].after) assert.equal(answered, target);
    });
  });
}

test('no case is the fault of the gateway or of an upstream', () => {
  // A version that nobody knows (505) is the fault of the client.
  const isFault = (status) => status >= 500 && status !== 505;
  const faults = outcomes.filter(({ statuses = [] }) => statuses.some(isFault));
  assert.deepEqual(faults, []);
  const endless = outcomes.filter(({ ended }) => ended === 'silence');
  assert.deepEqual(endless, []);
});

function decoded(target) {
  try {
    return decodeURIComponent(target);
  } catch {
    return target;
  }
}

/** The status of each answer in a stream of them. */
function statuses(text) {
  return [...text.matchAll(/HTTP\/1\.[01] ([2-5]\d\d)/g)].map(([, status]) => Number(status));
}

/** Whether no answer in a stream of them is still on its way. */
function isWhole(text) {
  let rest = text;
  while (rest !== '') {
    const head = rest.indexOf('\r\n\r\n') + 4;
    const length = Number(/^content-length: (\d+)/im.exec(rest.slice(0, head))?.[1] ?? 0);
    if (head < 4 || rest.length < head + length) return false;
    rest = rest.slice(head + length);
  }
  return true;
}

/** Sends parts on a connection of their own, each after the answer to the one before; everything
 * that comes until it is closed. */
function exchange(bytes, ...later) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (data) => {
      answer += data;
      if (later.length > 0 && isWhole(answer)) socket.write(Buffer.from(later.shift(), 'latin1'));
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

/** Runs `work` on each item, a bounded number at a time. */
async function eachOf(items, work) {
  const rest = [...items];
  const run = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}
