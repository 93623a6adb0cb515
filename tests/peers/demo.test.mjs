// `vestibule demo --once` walks by itself and says what it saw.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Child, vestibule } from './process.mjs';

test('the demo walks once and ends well', async () => {
  const demo = new Child(vestibule(), ['demo', '--once']);
  const { code } = await demo.finished;
  assert.equal(code, 0, demo.output + demo.errors);
  assert.equal(demo.output.match(/^The upstream received:$/gm)?.length, 2);
  assert.match(demo.output, /^GET \/private HTTP\/1\.1\r$/m);
  assert.match(demo.output, /^authorization: bearer [\w-]+\.[\w-]+\.[\w-]+\r$/im);
  assert.match(demo.output, /^All as expected\.$/m);
});

test('the three curl lines of the demo do what they say', async () => {
  const demo = new Child(vestibule(), ['demo', '--port', '0']);
  try {
    await demo.prints('Ctrl-C ends it.');
    const [bearer, cookie, refused] = demo.output
      .split('\n').map((line) => line.trim()).filter((line) => /^(curl|T=)/.test(line));
    for (const line of [bearer, cookie]) {
      const { output } = await shell(line);
      assert.match(output, /^HTTP\/1\.1 200 OK\r$/m);
      assert.match(output, /^authorization: bearer [\w-]+\.[\w-]+\.[\w-]+\r$/im);
      assert.doesNotMatch(output, /demo_token/);
    }
    const { code, output } = await shell(refused);
    assert.match(output, /^HTTP\/1\.1 401 Unauthorized\r$/m);
    assert.match(output, /"token_expired"/);
    assert.match(output, /expired/i);
    assert.equal(code, 1, 'the verdict of `token test`');
  } finally {
    await demo.stop();
  }
});

async function shell(line) {
  const child = new Child('bash', ['-c', line]);
  const { code } = await child.finished;
  return { code, output: child.output };
}
