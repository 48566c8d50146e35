import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startCloud } from '../../local/cloud/cloud.ts';
import { commandsIn, PAGES, runnersOf } from '../docs/commands.ts';
import { ROOT, read } from '../docs/page.ts';

const shell = promisify(execFile);

const here = PAGES.flatMap(commandsIn).flatMap(({ page, text }) =>
  runnersOf({ page, text }).flatMap((runner) => {
    if ('here' in runner) return [{ page, text, output: runner.here }];
    return 'local' in runner
      ? [{ page, text: text.replace('--stage prod', '--stage local'), output: runner.local }]
      : [];
  }),
);
const once = [...new Map(here.map((one) => [one.text, one])).values()];

test.each(once)('$page: $text', async ({ text, output }) => {
  // `status` ends with 1, because the demo fleet has late servers.
  const { stdout } = await shell('bash', ['-c', text], { cwd: ROOT }).catch((error) => {
    expect(error.code).toBe(1);
    return error as { stdout: string };
  });
  expect(stdout).toMatch(output);
});

test('docs/copies.md: Restore from a copy in Cloud Files leaves no key and no token behind', async () => {
  const cloud = await startCloud({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  const [folder, bin] = ['import-', 'bin-'].map((name) => mkdtempSync(join(tmpdir(), name))) as [
    string,
    string,
  ];
  onTestFinished(async () => {
    for (const one of [folder, bin]) rmSync(one, { recursive: true });
    await cloud.close();
  });
  const { files } = cloud.region('DFW');
  files.containers.set('backups', new Map());
  files.put('backups', 'copies/old.json', Buffer.from('{}'));
  files.put('backups', 'one.vhd', Buffer.from('a disk'));
  const command = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  command('aws', `echo '${cloud.secret('rackspace')}'`);
  const { stdout: curl } = await shell('which', ['curl']);
  // Rackspace's identity service is that of the embedded cloud.
  command(
    'curl',
    `echo "curl $*" >>${bin}/called
exec ${curl.trim()} "\${@/https:\\/\\/identity.api.rackspacecloud.com\\/v2.0/${cloud.rackspaceUrl.replaceAll('/', '\\/')}}" | tee ${bin}/answer`,
  );
  const [, block = ''] = /^## Restore from a copy in Cloud Files\n[\s\S]*?```sh\n([\s\S]*?)```/m.exec(
    read('docs/copies.md'),
  )!;
  const filled = block
    .replaceAll('<container>', 'backups')
    .replace('<image id>', 'one')
    .replace("<the task's id>", `$(jq -r .id ${bin}/answer)`);
  const { stdout } = await shell('bash', ['-euo', 'pipefail', '-c', filled], {
    cwd: folder,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  expect(stdout).toContain('copies/old.json\n');
  expect(stdout).toContain('"status":"pending"');
  cloud.advance(24 * 3_600_000);
  cloud.region('DFW').tasks.settle();
  expect(cloud.region('DFW').images).toMatchObject([{ name: 'restored-web-1', data: Buffer.from('a disk') }]);
  const called = readFileSync(join(bin, 'called'), 'utf8');
  expect(called.match(/^curl -s /gm)).toHaveLength(4);
  const [token = ''] = cloud.received.flatMap((request) => request.token ?? []);
  expect(token).not.toBe('');
  for (const secret of [cloud.account.apiKey, token]) expect(called).not.toContain(secret);
  expect(readdirSync(folder)).toEqual([]);
});
