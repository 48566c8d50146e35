import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type DataFacts, manifestOf } from '../../lib/offsite/manifest.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { read } from '../docs/page.ts';
import { aws } from './clients.ts';
import { run, succeed } from './processes.ts';

const DATA = 'the data of a disk';
const COPY = 'copies/<owner>/flex/SJC3/<server id>/daily/2026-11-23T00:00:00Z/<image id>';
const BUCKET = 'the-copies';

const [, BLOCK = ''] = /^## Restore from a copy in S3\n[\s\S]*?```sh\n([\s\S]*?)```/m.exec(
  read('docs/copies.md'),
)!;

let folder: string;
/** The environment of an operator's shell. Its `npx` and `openstack` run nothing. */
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const command = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  // The AWS emulator has no outputs of a stack that was created by a change set.
  command('npx', `echo "  ReportsBucket: reports"; echo "  CopiesBucket: ${BUCKET}"`);
  // test/clients runs these commands.
  command('openstack', 'echo "openstack $*" >>called');
});

test('the commands of docs/copies.md, "Restore from a copy in S3", restore a copy', async () => {
  await aws.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const put = (Key: string, Body: string) => aws.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
  await put(`${COPY}.json`, manifestText());
  await put(`${COPY}.qcow2`, DATA);
  const filled = BLOCK.replace('<flavor>', 'small').replace('<network>', 'private');
  const output = await succeed('bash', ['-euo', 'pipefail', '-c', filled], { cwd: folder, env });
  expect(output).toContain(`${COPY}.json\n`);
  expect(output).toContain('disk: OK');
  expect(readFileSync(join(folder, 'disk'), 'utf8')).toBe(DATA);
  expect(readFileSync(join(folder, 'called'), 'utf8').trim().split('\n')).toEqual([
    'openstack image create --file disk --disk-format qcow2 --container-format bare --min-disk 10 --min-ram 512 restored-web-1',
    'openstack server create --image restored-web-1 --flavor small --network private web-1',
  ]);
});

test('the command of docs/copies.md for a copy from Rackspace compares each segment with the manifest', async () => {
  const [, command = ''] = /^# one from Rackspace: (.+)$/m.exec(BLOCK)!;
  const parts = ['the data ', 'of a disk'];
  const segments = parts.map((part, i) => ({ name: `${i}`, bytes: part.length, md5: hash('md5', part) }));
  writeFileSync(join(folder, 'manifest.json'), manifestText({ segments }));
  const compare = () => run('bash', ['-euo', 'pipefail', '-c', command], { cwd: folder, env });
  writeFileSync(join(folder, 'disk'), DATA);
  expect(await compare()).toEqual({ code: 0, output: '' });
  writeFileSync(join(folder, 'disk'), DATA.replace('disk', 'dusk'));
  expect((await compare()).code).toBe(1);
});

function hash(algorithm: 'sha512' | 'md5', data: string): string {
  return createHash(algorithm).update(data).digest('hex');
}

function manifestText(facts: Partial<DataFacts> = {}): string {
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
  const described: DataFacts = {
    sizeBytes: DATA.length,
    disk_format: 'qcow2',
    container_format: 'bare',
    checksum: { algorithm: 'sha512', value: hash('sha512', DATA) },
    verified: '',
    ...facts,
  };
  return manifestOf(place, original, image as Image, described, slot);
}
