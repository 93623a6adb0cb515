// Other proxies by the recipes that the program writes for a configuration, and by those of the pages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, vestibule } from './process.mjs';

/**
 * What starts each of them, with the port that it listens on and, where it is to be another one, the place
 * that it asks. `gateway` is the one with the configuration, `questions` its listener for gRPC, `app` the
 * upstream's address, `folder` a place for files.
 */
export function recipes({ gateway, questions, app, folder }) {
  async function nginx(port, at) {
    const file = join(folder, `nginx-${port}.conf`);
    await writeFile(file, `
daemon off;
master_process off;
pid ${folder}/nginx-${port}.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${recipe('nginx', port, at)}
}`);
    return new Child('nginx', ['-p', folder, '-c', file, '-e', 'stderr']);
  }

  async function caddy(port, at) {
    const file = join(folder, `Caddyfile-${port}`);
    await writeFile(file, `{\n\tadmin off\n\tauto_https off\n}\n${recipe('caddy', port, at)}`);
    const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    return new Child('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], { env });
  }

  async function traefik(port, at) {
    const dynamic = join(folder, `dynamic-${port}.yaml`);
    await writeFile(dynamic, recipe('traefik', port, at));
    const file = join(folder, `traefik-${port}.yaml`);
    await writeFile(file, `
entryPoints: {web: {address: "127.0.0.1:${port}"}}
providers: {file: {filename: ${dynamic}}}
global: {checkNewVersion: false, sendAnonymousUsage: false}
`);
    return new Child(venv('traefik'), [`--configFile=${file}`]);
  }

  async function envoy(port, at) {
    const file = join(folder, `envoy-${port}.yaml`);
    await writeFile(file, recipe('envoy', port, at));
    const more = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'];
    return new Child(venv('envoy'), ['-c', file, ...more]);
  }

  /** By the recipe of docs/ext-authz.md. */
  async function envoyByGrpc(port, at = questions) {
    const page = await readFile(new URL('../../docs/ext-authz.md', import.meta.url), 'utf8');
    const [, written] = page.match(/```yaml\n# envoy\.yaml\n([^]*?)```/);
    const ports = { 8000: port, 8080: new URL(gateway.url).port, 9000: at.split(':')[1], 3000: app.split(':')[1] };
    const text = written
      .replaceAll(/port_value: (\d+)/g, (_, usual) => `port_value: ${ports[usual]}`)
      .replace('address: 0.0.0.0', 'address: 127.0.0.1');
    const file = join(folder, `envoy-grpc-${port}.yaml`);
    await writeFile(file, text);
    const more = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'];
    return new Child(venv('envoy'), ['-c', file, ...more]);
  }

  async function haproxy(port, at) {
    const [settings, script] = recipe('haproxy', port, at).split('-- vestibule.lua\n');
    const lua = join(folder, `vestibule-${port}.lua`);
    await writeFile(lua, script);
    const file = join(folder, `haproxy-${port}.cfg`);
    await writeFile(file, settings.replace('lua-load vestibule.lua', `lua-load ${lua}`));
    return new Child('haproxy', ['-db', '-f', file]);
  }

  /** The recipe for this test's gateway, with the addresses of this test. */
  function recipe(proxy, port, at = new URL(gateway.url).host) {
    const written = execFileSync(
      vestibule(), ['generate', 'forward-auth', proxy, '--config', gateway.file], { encoding: 'utf8' },
    );
    const own = new URL(gateway.url).host;
    const [, ownPort] = own.split(':');
    const [, gatewayPort] = at.split(':');
    return written
      .replaceAll(own, at)
      .replaceAll(`port_value: ${ownPort}`, `port_value: ${gatewayPort}`)
      .replace('port_value: 8000', `port_value: ${port}`)
      .replace('listen 8000', `listen 127.0.0.1:${port}`)
      .replace('bind :8000', `bind 127.0.0.1:${port}`)
      .replace(/^:8000 \{/m, `http://127.0.0.1:${port} {`)
      .replace('address: 0.0.0.0', 'address: 127.0.0.1');
  }

  return { nginx, Caddy: caddy, Traefik: traefik, Envoy: envoy, HAProxy: haproxy, 'Envoy by gRPC': envoyByGrpc };
}

function venv(command) {
  assert.ok(process.env.VESTIBULE_VENV, 'VESTIBULE_VENV names the Python environment');
  return join(process.env.VESTIBULE_VENV, 'bin', command);
}
