// Long-lived traffic between real peers: WebSockets, server-sent events, gRPC, and curl.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';
import { WebSocket, WebSocketServer } from 'ws';

import { startGateway } from './gateway.mjs';
import { startIssuer } from './issuer.mjs';
import { freePort } from './process.mjs';

const run = promisify(execFile);

let issuer, gateway, token, port, h2cPort, web, rpc, rpcPort;
const streams = []; // of server-sent events, open at the upstream

before(async () => {
  issuer = await startIssuer();
  token = await issuer.token({ sub: 'ada' });
  web = await startWeb();
  [rpc, rpcPort] = await startRpc();
  [port, h2cPort] = [await freePort(), await freePort()];
  gateway = await startGateway({
    public_url: `http://127.0.0.1:${port}`,
    listeners: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${h2cPort}`, h2c: true }],
    issuers: [{ name: 'acme', iss: issuer.iss, jwks_url: issuer.jwks_url, required_for_ready: true }],
    upstreams: {
      web: { servers: [`127.0.0.1:${web.address().port}`] },
      rpc: { servers: [`127.0.0.1:${rpcPort}`], protocol: 'http2' },
    },
    routes: [
      { path: '/', upstream: 'web' },
      { path: '/open', auth: 'none', upstream: 'web' },
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
  if (end) assert.deepEqual(end, { code: 0, signal: null }, 'SIGTERM ends the gateway well');
});

/** An HTTP server with WebSockets that echo, and streams of events that the tests write. */
async function startWeb() {
  const server = createServer((request, response) => {
    if (request.url.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      streams.push(response);
      return;
    }
    const seen = { target: request.url, version: request.httpVersion, headers: request.headers };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(seen));
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on('connection', (socket, request) => {
    socket.send(JSON.stringify({ authorization: request.headers.authorization }));
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const text = { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString() };
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: text.serialize,
  requestDeserialize: text.deserialize,
  responseSerialize: text.serialize,
  responseDeserialize: text.deserialize,
});
const ECHO = { unary: method('Unary', false, false), talk: method('Talk', true, true) };

/** A gRPC server that answers each message with the caller's subject, and a status at the end. */
async function startRpc() {
  const server = new grpc.Server();
  const subject = (call) => {
    const [bearer] = call.metadata.get('authorization');
    const payload = JSON.parse(Buffer.from(bearer.split('.')[1], 'base64url'));
    return typeof payload.sid === 'string' ? 'session' : 'external';
  };
  const trailers = (value) => {
    const metadata = new grpc.Metadata();
    metadata.set('x-trailer', value);
    return metadata;
  };
  server.addService(ECHO, {
    unary(call, answer) {
      if (call.request === 'fail') {
        return answer({ code: grpc.status.FAILED_PRECONDITION, details: 'as asked', metadata: trailers('failed') });
      }
      return answer(null, `${subject(call)}: ${call.request}`, trailers('done'));
    },
    talk(call) {
      let count = 0;
      call.on('data', (message) => {
        count += 1;
        call.write(`${count}: ${message}`);
      });
      call.on('error', () => {});
      call.on('end', () => call.end(trailers(`${count}`)));
    },
  });
  const bound = promisify(server.bindAsync.bind(server));
  const at = await bound('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
  return [server, at];
}

describe('a WebSocket', () => {
  const open = (options) => new WebSocket(`ws://127.0.0.1:${port}/socket`, options);
  const authorized = () => ({ headers: { authorization: `Bearer ${token}` } });

  test('carries text, binary and large messages both ways', async () => {
    const socket = open(authorized());
    const [hello] = await once(socket, 'message');
    const { authorization } = JSON.parse(hello);
    assert.match(authorization, /^Bearer /);
    assert.ok(!authorization.includes(token), 'the external token reached the upstream');
    for (const message of ['text', Buffer.from([0, 1, 2, 255]), 'x'.repeat(2_000_000), '']) {
      socket.send(message);
      const [data, binary] = await once(socket, 'message');
      assert.equal(binary, typeof message !== 'string');
      assert.ok(Buffer.from(message).equals(data));
    }
    socket.ping('are you there');
    const [pong] = await once(socket, 'pong');
    assert.equal(pong.toString(), 'are you there');
    socket.close(4001, 'good bye');
    const [code, reason] = await once(socket, 'close');
    assert.deepEqual([code, reason.toString()], [4001, 'good bye']);
  });

  test('needs a session', async () => {
    const socket = open();
    const [, response] = await once(socket, 'unexpected-response');
    assert.equal(response.statusCode, 401);
    socket.on('error', () => {});
    socket.terminate();
  });
});

test('events arrive one by one, before their stream ends', async () => {
  const response = await fetch(`http://127.0.0.1:${port}/open/events`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const stream = streams.at(-1);
  for (let number = 0; number < 3; number += 1) {
    stream.write(`data: ${number}\n\n`);
    const { value } = await reader.read();
    assert.equal(value, `data: ${number}\n\n`);
  }
  stream.end();
  assert.equal((await reader.read()).done, true);
});

test('a client that leaves its events is told to the upstream', async () => {
  const leave = new AbortController();
  await fetch(`http://127.0.0.1:${port}/open/events`, { signal: leave.signal });
  const closed = once(streams.at(-1), 'close');
  leave.abort();
  await closed;
});

describe('gRPC', () => {
  const Client = grpc.makeGenericClientConstructor(ECHO, 'Echo');
  const connect = () => new Client(`127.0.0.1:${h2cPort}`, grpc.credentials.createInsecure());
  const as = (credential) => {
    const metadata = new grpc.Metadata();
    if (credential) metadata.set('authorization', `Bearer ${credential}`);
    return metadata;
  };
  const unary = (client, message, credential) => new Promise((resolve) => {
    const result = {};
    const call = client.unary(message, as(credential), (error, value) => Object.assign(result, { error, value }));
    call.on('status', (status) => resolve(Object.assign(result, { status })));
  });

  test('a unary call with its trailers', async () => {
    const client = connect();
    const { value, status } = await unary(client, 'hello', token);
    assert.equal(value, 'session: hello');
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(status.metadata.get('x-trailer'), ['done']);
    client.close();
  });

  test('a status of failure, which comes in trailers alone', async () => {
    const client = connect();
    const { status } = await unary(client, 'fail', token);
    assert.equal(status.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(status.details, 'as asked');
    assert.deepEqual(status.metadata.get('x-trailer'), ['failed']);
    client.close();
  });

  test('both sides talk at once', async () => {
    const client = connect();
    const call = client.talk(as(token));
    for (const number of [1, 2, 3]) {
      // The next message is sent after the answer to the last: nothing is held back.
      call.write(`message ${number}`);
      const [answer] = await once(call, 'data');
      assert.equal(answer, `${number}: message ${number}`);
    }
    const status = once(call, 'status');
    call.end();
    call.resume();
    const [{ code, metadata }] = await status;
    assert.equal(code, grpc.status.OK);
    assert.deepEqual(metadata.get('x-trailer'), ['3']);
    client.close();
  });

  test('a call without a session is UNAUTHENTICATED', async () => {
    const client = connect();
    const { status } = await unary(client, 'hello');
    assert.equal(status.code, grpc.status.UNAUTHENTICATED);
    client.close();
  });
});

describe('curl', () => {
  const curl = async (...args) => {
    const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '20',
      '--write-out', '\n%{http_version} %{http_code}', ...args]);
    const [body, end] = stdout.split(/\n(?=[^\n]*$)/);
    return { body, end };
  };
  const bearer = () => ['--header', `Authorization: Bearer ${token}`];

  for (const [flag, version, at] of [
    ['--http1.0', '1.1', () => port],
    ['--http1.1', '1.1', () => port],
    ['--http2', '1.1', () => port], // asks for h2c by Upgrade, which the gateway does not take up
    ['--http2-prior-knowledge', '2', () => h2cPort],
  ]) {
    test(flag, async () => {
      const { body, end } = await curl(flag, ...bearer(), `http://127.0.0.1:${at()}/curl`);
      assert.match(end, new RegExp(`^(${version}|1) 200$`));
      const seen = JSON.parse(body);
      assert.equal(seen.target, '/curl');
      assert.equal(seen.version, '1.1');
      assert.equal(seen.headers.upgrade, undefined);
      assert.equal(seen.headers['http2-settings'], undefined);
      const refused = await curl(flag, `http://127.0.0.1:${at()}/curl`);
      assert.match(refused.end, / 401$/);
    });
  }

  test('cookies in HTTP/2 crumbs arrive as one field', async () => {
    const { body } = await curl('--http2-prior-knowledge', ...bearer(), '--cookie', 'a=1; b=2',
      `http://127.0.0.1:${h2cPort}/curl`);
    assert.equal(JSON.parse(body).headers.cookie, 'a=1; b=2');
  });
});
