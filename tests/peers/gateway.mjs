// `vestibule serve` with a configuration made for one test.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, freePort, vestibule } from './process.mjs';

/**
 * Starts the gateway and waits until it is ready. `settings` holds issuers, upstreams, routes;
 * `access`, who may use the admin listener; `listeners`, those besides the usual one; `own`, more of that.
 */
export async function startGateway(settings, access = {}, listeners = [], own = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-peers-'));
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const file = join(folder, 'config.yaml');
  const config = {
    public_url: `http://${address}`,
    listeners: [{ address, ...own }, ...listeners],
    store: { path: join(folder, 'vestibule.redb') },
    admin: { address: admin, ...access },
    ...settings,
  };
  await writeFile(file, JSON.stringify(config)); // JSON is YAML

  let child = new Child(vestibule(), ['serve', '--config', file]);
  /** Another process with the same configuration and store, after this one's end. */
  const restart = async () => {
    const end = await child.stop();
    child = new Child(vestibule(), ['serve', '--config', file]);
    await child.answers(`http://${admin}/ready`);
    return end;
  };
  const stop = async () => {
    const end = await child.stop();
    await rm(folder, { recursive: true, force: true });
    return end;
  };
  try {
    await child.answers(`http://${admin}/ready`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    file,
    url: `http://${address}`,
    admin: `http://${admin}`,
    issuer: `http://${address}/_vestibule`,
    log: () => child.errors + child.output,
    restart,
    stop,
  };
}
