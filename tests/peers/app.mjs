// An app behind a proxy, which keeps what it is sent.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Starts it on a free port; `seen` has the target and the fields of each request. */
export async function startApp() {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push({ target: request.url, headers: request.headers });
    if (request.url.startsWith('/public')) {
      // What anybody may keep, and cookies of its own.
      response.setHeader('cache-control', 'public, max-age=600');
      response.setHeader('set-cookie', ['app_one=1', 'app_two=2']);
    }
    request.resume().on('end', () => response.end('app\n'));
  });
  // Else a connection may end at the very moment that a proxy uses it again, and a proxy that does
  // not repeat the request answers 503.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    address: `127.0.0.1:${server.address().port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
