// What the README shows is what the tests run.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { launch } from './chromium.mjs';
import { Child, freePort, vestibule } from './process.mjs';

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
    const { code } = await check.finished;
    assert.equal(code, 0, check.output + check.errors);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a stranger adds an issuer on the dashboard and sees the sign-in, by the README alone', async () => {
  const section = /## Add an issuer on the dashboard\n([^]*?)\n## /.exec(readme)[1];
  const [, config] = /```yaml\n([^]*?)```/.exec(section);
  // The README's ports, and those that are free here.
  const ports = {};
  for (const port of ['8080', '8081', '3000', '9000', '9901']) ports[port] = await freePort();
  const here = (text) => text.replace(/\b(8080|8081|3000|9000|9901)\b/g, (port) => ports[port]);
  const [demoLine, serveLine] = section.match(/^vestibule .*$/gm).map(here);
  const [goodLine, badLine, ...signInLines] = section.match(/^ *(?:curl |TOKEN=).*$/gm).map(here);

  const folder = await mkdtemp(join(tmpdir(), 'vestibule-readme-'));
  const children = [];
  const browser = await launch();
  try {
    // The admin port is the default's, which somebody else may have here.
    const admin = `admin:\n  address: 127.0.0.1:${ports[9901]}\n`;
    const store = `store:\n  path: ${join(folder, 'vestibule.redb')}\n`;
    await writeFile(join(folder, 'config.yaml'), here(config) + admin + store);
    const demo = new Child(vestibule(), demoLine.split(' ').slice(1));
    children.push(demo);
    await demo.prints('Ctrl-C ends it.');
    const words = serveLine.split(' ').slice(1).map((word) =>
      (word === 'config.yaml' ? join(folder, word) : word));
    const gateway = new Child(vestibule(), words);
    children.push(gateway);
    await gateway.answers(`http://127.0.0.1:${ports[9901]}/ready`);

    const page = await browser.newPage();
    await page.goto(here(/`(http:[^`]*\/dashboard)`/.exec(section)[1]));
    await page.click('nav >> text=External authentication');
    await page.click('text=Add an issuer');
    await page.click('main >> text=Any provider');
    await page.getByLabel('Name', { exact: true }).fill(/Its name is\s+`(\w+)`/.exec(section)[1]);
    await page.getByLabel('Issuer (iss)').fill(here(/its `iss` is `([^`]+)`/.exec(section)[1]));
    await page.click('text=Add issuer');
    for (const [line, verdict] of [[goodLine, /^accepted/], [badLine, /^refused$/]]) {
      await page.getByLabel('Token', { exact: true }).fill(await shell(line));
      await page.click('button:text-is("Test")');
      assert.match(await page.textContent('#verdict'), verdict);
    }
    await page.click('text=Turn demo on');
    await page.waitForSelector('text=Turn demo off');
    assert.match(await shell(signInLines.join('\n')), /authorization/i, 'what the upstream received');
    await page.click('nav >> text=Sessions');
    assert.match(await page.textContent('tbody tr'), /demo.*open/s);
  } finally {
    await browser.close();
    for (const child of children) await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

async function shell(line) {
  const child = new Child('bash', ['-c', line]);
  await child.finished;
  return child.output;
}

function read(path) {
  return readFile(new URL(path, import.meta.url), 'utf8');
}
