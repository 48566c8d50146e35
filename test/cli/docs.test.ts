import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { commandsIn, PAGES, runnersOf } from '../docs/commands.ts';
import { ROOT, read } from '../docs/page.ts';

const shell = promisify(execFile);

const here = PAGES.flatMap(commandsIn).flatMap(({ page, text }) =>
  runnersOf({ page, text }).flatMap((runner) =>
    'here' in runner ? [{ page, text, output: runner.here }] : [],
  ),
);
const once = [...new Map(here.map((one) => [one.text, one])).values()];

test.each(once)('$page: $text', async ({ text, output }) => {
  const { stdout } = await shell('bash', ['-c', text], { cwd: ROOT });
  expect(stdout).toMatch(output);
});

test('docs/copies.md: Restore from a copy in Cloud Files leaves no key and no token behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [, block = ''] = /^## Restore from a copy in Cloud Files\n[\s\S]*?```sh\n([\s\S]*?)```/m.exec(
    read('docs/copies.md'),
  )!;
  const bin = mkdtempSync(join(tmpdir(), 'bin-'));
  onTestFinished(() => rmSync(bin, { recursive: true }));
  const command = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const endpoint = (name: string) => ({
    name,
    endpoints: [{ region: 'DFW', publicURL: `https://${name}` }],
  });
  const access = {
    access: { token: { id: 'token-77' }, serviceCatalog: ['cloudFiles', 'cloudImages'].map(endpoint) },
  };
  command('aws', `echo '{"username": "ada", "apiKey": "key-5c1e"}'`);
  command(
    'curl',
    `echo "curl $*" | sed 's#/dev/fd/[0-9]*#header#' >>${bin}/called
case "$*" in
  *v2.0/tokens*) cat >>${bin}/sent; echo '${JSON.stringify(access)}' ;;
  *) for one in "$@"; do case "$one" in @*) cat "\${one#@}" >>${bin}/sent ;; esac; done ;;
esac`,
  );
  await shell('bash', ['-euo', 'pipefail', '-c', block], {
    cwd: folder,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  const sent = readFileSync(join(bin, 'sent'), 'utf8');
  expect(sent).toContain('"apiKey": "key-5c1e"');
  expect(sent.match(/^x-auth-token: token-77$/gm)).toHaveLength(3);
  const called = readFileSync(join(bin, 'called'), 'utf8');
  expect(called).toContain('curl -s -H @header https://cloudFiles/<container>?prefix=copies/');
  expect(called).toContain('curl -s -H @header https://cloudImages/tasks/');
  expect(called).not.toMatch(/key-5c1e|token-77/);
  expect(readdirSync(folder)).toEqual([]);
});
