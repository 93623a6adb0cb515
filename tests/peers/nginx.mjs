// Debian's nginx as an upstream that logs the credentials of each request.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, freePort } from './process.mjs';

export async function startNginx() {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  const log = join(folder, 'access.log');
  await writeFile(file, configuration(folder, port, log));
  const child = new Child('nginx', ['-p', folder, '-c', file, '-e', 'stderr']);
  await child.answers(`http://127.0.0.1:${port}/up`);
  return {
    server: `127.0.0.1:${port}`,
    /** Ends nginx, which writes what it has not written yet; the log's lines, by request target and all. */
    async finish() {
      await child.stop('SIGQUIT');
      const text = await readFile(log, 'utf8');
      await rm(folder, { recursive: true, force: true });
      const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
      return { text, all: lines, lines: new Map(lines.map((line) => [line.target, line])) };
    },
  };
}

const configuration = (folder, port, log) => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
  log_format seen escape=json
    '{"target":"$request_uri","authorization":"$http_authorization","cookie":"$http_cookie"}';
  access_log ${log} seen;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    add_header X-Seen $request_uri always;
    location / { return 200 "nginx\\n"; }
  }
}
`;
