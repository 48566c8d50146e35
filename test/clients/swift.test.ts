import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from './running-cloud.ts';

test('the swift command stores a large object in segments, describes, copies, reads and deletes it', async ({
  cloud,
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'autosnap-swift-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [disk, back] = [join(folder, 'disk'), join(folder, 'back')];
  const data = Buffer.alloc(250_000, 'a disk');
  writeFileSync(disk, data);
  const swift = (...args: string[]) => cloud.run('swift', ...args);
  const names = async (...args: string[]) => (await swift('list', ...args)).split('\n').filter(Boolean);

  const named = ['--object-name', 'a/disk.vhd', '--segment-size', '100000', '--use-slo'];
  await swift('upload', ...named, '--header', 'X-Object-Meta-Made: by-hand', 'exports', disk);
  expect(await names()).toEqual(['exports', 'exports_segments']);
  expect(await names('exports', '--delimiter', '/')).toEqual(['a/']);
  expect(await names('exports_segments')).toHaveLength(3);
  expect(await swift('stat', 'exports', 'a/disk.vhd')).toMatch(
    /Content Length: 250000\n.*Meta Made: by-hand\n.*X-Static-Large-Object: True/s,
  );
  await swift('download', 'exports', 'a/disk.vhd', '--output', back);
  expect(readFileSync(back).equals(data)).toBe(true);
  await swift('post', 'exports', 'a/disk.vhd', '--meta', 'Tier:gold');
  await swift('copy', 'exports', 'a/disk.vhd', '--destination', '/exports/copy.vhd');
  expect(await swift('stat', 'exports', 'copy.vhd')).toMatch(/Content Length: 250000\n.*Meta Tier: gold\n/s);
  await swift('delete', 'exports', 'a/disk.vhd');
  expect(await names('exports_segments')).toEqual([]);
  await swift('delete', 'exports');
  expect(await names()).toEqual(['exports_segments']);
});
