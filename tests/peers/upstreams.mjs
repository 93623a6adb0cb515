// Two more real upstreams that tell what they saw: Node's HTTP server and Python's.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { Child } from './process.mjs';

/** Node's server with its lenient parser: the more it takes, the more a gateway has to refuse. */
export async function startNode() {
  const seen = [];
  const server = createServer({ insecureHTTPParser: true }, async (request, response) => {
    const entry = { target: request.url, method: request.method, body: '',
      authorization: request.headers.authorization };
    seen.push(entry);
    request.setEncoding('latin1');
    request.on('error', () => {});
    request.on('data', (data) => (entry.body += data));
    request.on('end', () => response.writeHead(200, { 'x-seen': request.url }).end(request.url));
  });
  server.on('upgrade', (request, socket) => {
    seen.push({ target: request.url, method: request.method, body: '' });
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  // The server itself forgets those that were to switch: it waits for their end, and nobody hears of
  // their errors, which would be errors of the process.
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server: `127.0.0.1:${server.address().port}`,
    async finish() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
      return seen;
    },
  };
}

/** Python's `http.server`. */
export async function startPython() {
  const python = process.env.VESTIBULE_VENV ? join(process.env.VESTIBULE_VENV, 'bin/python3') : 'python3';
  const child = new Child(python, ['upstream.py']);
  await child.prints('\n');
  const [port] = child.output.split('\n');
  return {
    server: `127.0.0.1:${port}`,
    async finish() {
      await child.stop('SIGTERM');
      return child.output.trim().split('\n').slice(1).map((line) => JSON.parse(line));
    },
  };
}
