// What the README shows is what the tests run.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { Child, vestibule } from './process.mjs';

let readme;

before(async () => {
  readme = await read('../../README.md');
});

for (const file of ['verify.mjs', 'verify.py', 'rust/verify.rs']) {
  test(`${file} is in the README`, async () => {
    assert.ok(readme.includes(`\n${await read(file)}\`\`\``));
  });
}

test('the configuration of the README is one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-readme-'));
  try {
    const file = join(folder, 'config.yaml');
    await writeFile(file, /```yaml\n([^]*?)```/.exec(readme)[1]);
    const check = new Child(vestibule(), ['check', '--config', file]);
    const { code } = await check.exited;
    assert.equal(code, 0, check.output + check.errors);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function read(path) {
  return readFile(new URL(path, import.meta.url), 'utf8');
}
