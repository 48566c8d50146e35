import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { manifestOf } from '../../lib/offsite/manifest.ts';
import type { Image } from '../../lib/openstack/images.ts';
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

const DATA = 'the data of a disk';
const COPY = 'copies/<owner>/flex/SJC3/<server id>/daily/2026-11-23T00:00:00Z/<image id>';

// Without AWS and a cloud: commands of the same names show their arguments.
test('docs/copies.md: Restore from a copy in S3', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [, block = ''] = /^## Restore from a copy in S3\n[\s\S]*?```sh\n([\s\S]*?)```/m.exec(
    read('docs/copies.md'),
  )!;
  writeFileSync(join(folder, 'disk.qcow2'), DATA);
  writeFileSync(join(folder, 'manifest'), manifestText());
  mkdirSync(join(folder, 'bin'));
  const command = (name: string, script: string) => {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  };
  command('npx', 'echo "  ReportsBucket: reports"; echo "  CopiesBucket: the-copies"');
  command(
    'aws',
    `echo "aws $*" >>called
case "$*" in
  "s3 ls"*) echo "2026-11-23 00:00:00 1 ${COPY}.json" ;;
  *.json\\ manifest.json) cp manifest manifest.json ;;
  *.qcow2\\ disk) cp disk.qcow2 disk ;;
  *) exit 1 ;;
esac`,
  );
  command('openstack', 'echo "openstack $*" >>called');

  const filled = block.replace('<flavor>', 'small').replace('<network>', 'private');
  const PATH = `${join(folder, 'bin')}:${process.env.PATH}`;
  const { stdout } = await shell('bash', ['-euo', 'pipefail', '-c', filled], {
    cwd: folder,
    env: { ...process.env, PATH },
  });
  expect(stdout).toContain('disk: OK');
  expect(readFileSync(join(folder, 'called'), 'utf8').trim().split('\n')).toEqual([
    'aws s3 ls --recursive s3://the-copies/copies/',
    `aws s3 cp s3://the-copies/${COPY}.json manifest.json`,
    `aws s3 cp s3://the-copies/${COPY}.qcow2 disk`,
    'openstack image create --file disk --disk-format qcow2 --container-format bare --min-disk 10 --min-ram 512 restored-web-1',
    'openstack server create --image restored-web-1 --flavor small --network private web-1',
  ]);
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

function manifestText(): string {
  const slot = new Date('2026-11-23T00:00:00Z');
  const place = { owner: '<owner>', account: 'flex', policy: 'daily' };
  const original = { region: 'SJC3', server: '<server id>', slot, image: '<image id>' };
  const image = {
    name: 'web-1',
    createdAt: slot,
    minDiskGb: 10,
    minRamMb: 512,
    properties: {},
  } as Partial<Image>;
  const checksum = { algorithm: 'sha512' as const, value: createHash('sha512').update(DATA).digest('hex') };
  const facts = {
    sizeBytes: DATA.length,
    disk_format: 'qcow2',
    container_format: 'bare',
    checksum,
    verified: '',
  };
  return manifestOf(place, original, image as Image, facts, slot);
}
