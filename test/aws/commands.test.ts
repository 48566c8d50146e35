import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { aws } from './clients.ts';
import { cloudAccount, ownerIn, putSecret, snapshotIdsOf } from './cloud-account.ts';
import { type LambdaService, startLambdaService } from './lambda-service.ts';
import { copyProject, type Project } from './project.ts';
import { templateOf } from './template.ts';
import { deliver } from './work-queue.ts';

const OWNER = ownerIn('prod');
const SECRET = 'autosnap/prod/rackspace';

let project: Project;
let lambda: LambdaService;

beforeAll(async () => {
  project = await copyProject();
  lambda = await startLambdaService();
});

afterAll(() => lambda.close());

/** Runs `npx autosnap` for the deployment. */
const autosnap = (args: string[], env = {}) =>
  project.autosnap([...args, '--stage', 'prod'], { ...lambda.env, ...env });

/** A cloud account with one server that the policy selects, whose secret the deployment has. */
async function account(): Promise<Cloud> {
  const cloud = await cloudAccount();
  cloud.region('DFW').addServer({ name: 'web-1', metadata: { autosnap: 'daily' } });
  await putSecret(SECRET, cloud.secret('rackspace'));
  return cloud;
}

test('take, status, snapshots, hold and plan work on a deployment, and invoke each function once', async () => {
  const cloud = await account();
  const taken = await autosnap(['take', '--server', 'web-1', '--wait']);
  expect(taken.output).toContain('1 of 1 snapshots are good');
  expect(taken.code).toBe(0);
  const [image = '', ...others] = snapshotIdsOf(cloud, OWNER);
  expect(others).toEqual([]);
  lambda.invoked.length = 0;
  const status = await autosnap(['status']);
  expect(status.output).toMatch(/servers? protected|wait/);
  expect(status.output).toMatch(/^web-1 +\S.* DFW$/m);
  const listed = await autosnap(['snapshots', '--server', 'web-1']);
  expect(listed.output).toContain(image.slice(0, 8));
  const held = await autosnap(['hold', '--image', image.slice(0, 8), '--until', '2099-01-01']);
  expect(held.output).toContain('held until 2099-01-02');
  const plan = await autosnap(['plan', '--policy', 'daily']);
  expect(plan.output).toContain('All: 1 stay, 0 to delete');
  expect([held.code, plan.code]).toEqual([0, 0]);
  expect(lambda.invoked).toEqual(['audit', 'audit', 'audit', 'hold', 'cleanup']);
});

test('restore is requested once, takes its steps by itself, and is made once by the same words', async () => {
  const cloud = await account();
  expect(await autosnap(['take', '--server', 'web-1', '--wait'])).toMatchObject({ code: 0 });
  lambda.invoked.length = 0;
  let isWatched = true;
  const queue = (async () => {
    while (isWatched) await deliver('prod');
  })();
  const restored = await autosnap(['restore', '--server', 'web-1', '--yes']);
  isWatched = false;
  await queue;
  expect(restored.output).toMatch(/^\d\d:\d\d:\d\d {2}web-1-restored-\S+ \(\S+\) is ACTIVE/m);
  expect(restored.output).toMatch(/^web-1 in DFW is restored as web-1-restored-\S+ \(\S+\)\.$/m);
  expect(restored.code).toBe(0);
  expect(cloud.region('DFW').servers).toHaveLength(2);
  expect(new Set(lambda.invoked)).toEqual(new Set(['restore']));
  const [, request = ''] = /--request (\S+)/.exec(restored.output)!;
  const looked = await autosnap(['restore', '--request', request]);
  expect(looked.output).toMatch(/^web-1 in DFW is restored as web-1-restored-\S+ \(\S+\)\.$/m);
  expect(looked.code).toBe(0);
  const again = await autosnap(['restore', '--server', 'web-1', '--yes']);
  expect(again.output).toContain(`This was restored by ${request}, at `);
  expect(again.output).toContain('Nothing was changed.');
  expect(again.code).toBe(2);
  expect(cloud.region('DFW').servers).toHaveLength(2);
});

test('doctor shows its whole list although checks fail', async () => {
  const cloud = await account();
  await putSecret(
    SECRET,
    JSON.stringify({ ...JSON.parse(cloud.secret('rackspace')), apiKey: 'of-last-year' }),
  );
  const { code, output } = await autosnap(['doctor']);
  expect(output).toMatch(/^account rackspace\n {2}✓ secret .*\n {2}✗ login/m);
  expect(output).toMatch(/\d+ checks: \d+ good, .* failed\.\n/);
  expect(output).not.toContain('of-last-year');
  expect(code).toBe(1);
});

test('a wrong policy and a stage that is not deployed are errors in one line', async () => {
  await account();
  const policy = await autosnap(['plan', '--policy', 'dialy']);
  expect(policy.output).toContain('there is no policy "dialy" in this deployment, only daily');
  expect(policy.code).toBe(1);
  const stage = await project.autosnap(['status', '--stage', 'nowhere']);
  expect(stage.output).toContain('There is no function autosnap-nowhere-audit in us-east-1');
  expect(stage.code).toBe(1);
});

test('report makes an audit if there is no page yet, and shows the page in the browser', async () => {
  await account();
  const { ReportsPolicy } = await templateOf('prod');
  const Bucket = ReportsPolicy!.Properties.Bucket as string;
  await aws.s3.send(new DeleteObjectCommand({ Bucket, Key: 'autosnap.html' }));
  mkdirSync(project.path('bin'));
  writeFileSync(project.path('bin/xdg-open'), `#!/bin/sh\necho "$1" >${project.path('opened')}\n`);
  chmodSync(project.path('bin/xdg-open'), 0o755);
  const PATH = `${project.path('bin')}${delimiter}${process.env.PATH}`;
  lambda.invoked.length = 0;
  const { code, output } = await autosnap(['report', '--open'], { PATH });
  expect(output).toContain('reports/autosnap-prod.html');
  expect(code).toBe(0);
  expect(lambda.invoked).toEqual(['audit']);
  expect(readFileSync(project.path('reports/autosnap-prod.html'), 'utf8')).toContain('web-1');
  expect(existsSync(project.path('opened')) && readFileSync(project.path('opened'), 'utf8')).toBe(
    'reports/autosnap-prod.html\n',
  );
});
