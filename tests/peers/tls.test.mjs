// Clients that bring their own TLS to a TLS listener: curl, Node's https and http2, gRPC.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';
import { WebSocket, WebSocketServer } from 'ws';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { freePort } from './process.mjs';

const run = promisify(execFile);

let folder, ca, issuer, gateway, token, port, web, rpc;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vestibule-tls-'));
  const [first, second] = [await certificate('localhost'), await certificate('other.test')];
  ca = await readFile(first.cert);
  issuer = await startIssuer();
  token = await issuer.token({ sub: 'ada' });
  web = await startWeb();
  const rpcPort = await startRpc();
  port = await freePort();
  gateway = await startGateway({
    public_url: `https://localhost:${port}`,
    listeners: [{ address: `127.0.0.1:${port}`, tls: { certificates: [first, second] } }],
    issuers: [{ name: 'acme', iss: issuer.iss, jwks_url: issuer.jwks_url, required_for_ready: true }],
    upstreams: {
      web: { servers: [`127.0.0.1:${web.address().port}`] },
      rpc: { servers: [`127.0.0.1:${rpcPort}`], protocol: 'http2' },
    },
    routes: [
      { path: '/', upstream: 'web' },
      { path: '/test.Echo', upstream: 'rpc' },
    ],
  });
});

after(async () => {
  const end = await gateway?.stop();
  rpc?.forceShutdown();
  web?.closeAllConnections();
  web?.close();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the gateway well');
});

/** Files with a certificate for this name, which is its own authority, and its key. */
async function certificate(name) {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`,
    '-out', cert, '-keyout', key]);
  return { cert, key };
}

/** Tells what it was asked; its WebSockets echo. */
async function startWeb() {
  const server = createServer(async (request, response) => {
    let length = 0;
    for await (const chunk of request) length += chunk.length;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ target: request.url, headers: request.headers, length }));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() };
const TALK = {
  talk: {
    path: '/test.Echo/Talk',
    requestStream: true,
    responseStream: true,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  },
};

async function startRpc() {
  rpc = new grpc.Server();
  rpc.addService(TALK, {
    talk(call) {
      call.on('data', (message) => call.write(`heard: ${message}`));
      call.on('error', () => {});
      call.on('end', () => {
        const trailers = new grpc.Metadata();
        trailers.set('x-trailer', 'done');
        call.end(trailers);
      });
    },
  });
  const bound = promisify(rpc.bindAsync.bind(rpc));
  return bound('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
}

/** What the upstream saw of a request that passed. */
function passed(body) {
  const seen = JSON.parse(body);
  assert.match(seen.headers.authorization, /^Bearer /);
  assert.ok(!seen.headers.authorization.includes(token), 'the external token reached the upstream');
  assert.equal(seen.headers['x-forwarded-proto'], 'https');
  assert.equal(seen.headers['x-forwarded-host'], `localhost:${port}`);
  return seen;
}

describe('curl', () => {
  const curl = async (...args) => {
    const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '20',
      '--cacert', join(folder, 'localhost.pem'), '--resolve', `localhost:${port}:127.0.0.1`,
      '--write-out', '\n%{http_version} %{http_code} %{num_connects}', ...args]);
    const [body, end] = stdout.split(/\n(?=[^\n]*$)/);
    return { body, end };
  };
  const url = () => `https://localhost:${port}/curl`;
  const bearer = () => ['--header', `Authorization: Bearer ${token}`];

  for (const [flag, version] of [['--http2', '2'], ['--http1.1', '1.1']]) {
    test(`${flag} negotiates HTTP/${version}`, async () => {
      const { body, end } = await curl(flag, ...bearer(), url());
      assert.equal(end, `${version} 200 1`);
      assert.equal(passed(body).target, '/curl');
      const refused = await curl(flag, url());
      assert.equal(refused.end, `${version} 401 1`);
      assert.equal(JSON.parse(refused.body).code, 'token_missing');
    });
  }

  test('sends a large body by HTTP/2', async () => {
    const file = join(folder, 'large');
    await writeFile(file, Buffer.alloc(3_000_000, 'x'));
    const large = ['--data-binary', `@${file}`];
    const { body, end } = await curl('--http2', ...bearer(), ...large, url());
    assert.equal(end, '2 200 1');
    assert.equal(passed(body).length, 3_000_000);
  });

  for (const tls of ['1.2', '1.3']) {
    test(`TLS ${tls}`, async () => {
      const { end } = await curl(`--tlsv${tls}`, '--tls-max', tls, ...bearer(), url());
      assert.equal(end, '2 200 1');
    });
  }

  test('does not trust a certificate of another name', async () => {
    const other = `https://unnamed.test:${port}/curl`;
    const resolve = ['--resolve', `unnamed.test:${port}:127.0.0.1`];
    await assert.rejects(curl(...resolve, ...bearer(), other), { code: 60 });
  });

  test('asks one host of a connection that is another certificate\'s', async () => {
    const host = ['--header', `Host: other.test:${port}`];
    const { end } = await curl('--http2', ...host, ...bearer(), url());
    assert.equal(end, '2 421 1');
  });
});

describe('Node', () => {
  test('https keeps its connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
    const ask = (authorization) => new Promise((resolve, reject) => {
      const options = { agent, headers: authorization && { authorization } };
      const request = httpsRequest(`https://localhost:${port}/node`, options, async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode, body, reused: request.reusedSocket });
      });
      request.on('error', reject).end();
    });
    const first = await ask(`Bearer ${token}`);
    assert.equal(first.status, 200);
    assert.equal(passed(first.body).target, '/node');
    const refused = await ask();
    assert.deepEqual([refused.status, refused.reused], [401, true]);
    const again = await ask(`Bearer ${token}`);
    assert.deepEqual([again.status, again.reused], [200, true]);
    agent.destroy();
  });

  test('http2 asks many things at once on one connection', async () => {
    const session = connectHttp2(`https://localhost:${port}`, { ca });
    const ask = async (path, headers) => {
      const stream = session.request({ ':path': path, ...headers });
      const [answer] = await once(stream, 'response');
      let body = '';
      for await (const chunk of stream) body += chunk;
      return { status: answer[':status'], body };
    };
    const authorized = { authorization: `Bearer ${token}` };
    const paths = Array.from({ length: 50 }, (_, number) => `/many/${number}`);
    const answers = await Promise.all(paths.map((path) => ask(path, authorized)));
    assert.deepEqual(answers.map(({ body }) => passed(body).target), paths);
    const refused = await ask('/many');
    assert.equal(refused.status, 401);
    const crumbs = await ask('/crumbs', { ...authorized, cookie: ['a=1', 'b=2'] });
    assert.equal(passed(crumbs.body).headers.cookie, 'a=1; b=2');
    session.close();
    await once(session, 'close');
  });

  test('a WebSocket by wss', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`wss://localhost:${port}/socket`, { ca, headers });
    await once(socket, 'open');
    for (const message of ['text', 'x'.repeat(500_000)]) {
      socket.send(message);
      const [data] = await once(socket, 'message');
      assert.equal(data.toString(), message);
    }
    socket.close(4002);
    const [code] = await once(socket, 'close');
    assert.equal(code, 4002);
    const refused = new WebSocket(`wss://localhost:${port}/socket`, { ca });
    const [, response] = await once(refused, 'unexpected-response');
    assert.equal(response.statusCode, 401);
    refused.on('error', () => {});
    refused.terminate();
  });
});

describe('gRPC', () => {
  const Client = grpc.makeGenericClientConstructor(TALK, 'Echo');
  const call = async (credential) => {
    const client = new Client(`localhost:${port}`, grpc.credentials.createSsl(ca));
    const metadata = new grpc.Metadata();
    if (credential) metadata.set('authorization', `Bearer ${credential}`);
    const talk = client.talk(metadata);
    talk.on('error', () => {});
    return { client, talk };
  };

  test('both sides talk at once, and the trailers arrive', async () => {
    const { client, talk } = await call(token);
    for (const message of ['one', 'two']) {
      talk.write(message);
      const [answer] = await once(talk, 'data');
      assert.equal(answer, `heard: ${message}`);
    }
    const ended = once(talk, 'status');
    talk.end();
    talk.resume();
    const [status] = await ended;
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(status.metadata.get('x-trailer'), ['done']);
    client.close();
  });

  test('a call without a session is UNAUTHENTICATED', async () => {
    const { client, talk } = await call();
    // The status is an error, too, which `once` would throw.
    const ended = new Promise((resolve) => talk.on('status', resolve));
    talk.resume();
    const status = await ended;
    assert.equal(status.code, grpc.status.UNAUTHENTICATED);
    client.close();
  });
});
