import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ALLOWED_PACKAGES } from './allowed-packages.ts';
import { run, succeed } from './processes.ts';
import { addPolicy, copyProject, type Project } from './project.ts';

const ZIP = '.serverless/autosnap.zip';
let project: Project;
let another: Project;

beforeAll(async () => {
  [project, another] = await Promise.all([packaged(), packaged()]);
});

async function packaged(change?: (yml: string) => string): Promise<Project> {
  const copy = await copyProject();
  if (change) copy.edit(change);
  const { code, output } = await copy.serverless('package', '--stage', 'prod');
  if (code !== 0) throw new Error(`serverless package ended with ${code}:\n${output}`);
  return copy;
}

test('the same sources make the same zip, byte by byte', () => {
  const [one, two] = [project, another].map((copy) =>
    createHash('sha256')
      .update(readFileSync(copy.path(ZIP)))
      .digest('hex'),
  );
  expect(one).toBe(two);
});

test.for(['create', 'update'])('cfn-lint finds nothing in the template that %ss the stack', async (verb) => {
  const template = project.path(`.serverless/cloudformation-template-${verb}-stack.json`);
  expect(JSON.parse(readFileSync(template, 'utf8'))).toHaveProperty('Resources');
  expect(await run('cfn-lint', [template])).toEqual({ code: 0, output: '' });
});

test.for(['Reports', 'Copies'])('the bucket %s stays, unless the first deployment fails', (bucket) => {
  const template = readFileSync(
    project.path('.serverless/cloudformation-template-update-stack.json'),
    'utf8',
  );
  // The emulator knows only Retain, which would leave a bucket behind for each try of a first deployment.
  expect(JSON.parse(template).Resources[bucket]).toMatchObject({
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  });
});

test('149 policies more, with copies and drills, fit into one stack', async () => {
  const block = (_: unknown, i: number) => `    customer-${i}:
      schedule: cron(${i % 60} ${i % 24} * * ? *)
      cleanup: rate(6 hours)
      account: customer-${i}
      servers: { all: true }
      keep: { last: 7 }
      offsite: { schedule: rate(6 hours), keep: { last: 2 } }
      drill: { schedule: cron(0 3 * * ? *) }
`;
  const blocks = Array.from({ length: 149 }, block).join('');
  const crowd = await packaged((yml) => addPolicy(yml, blocks));
  const template = crowd.path('.serverless/cloudformation-template-update-stack.json');
  const text = readFileSync(template, 'utf8');
  // CloudFormation's limits: 500 resources, a megabyte.
  expect(Object.keys(JSON.parse(text).Resources).length).toBeLessThan(500);
  expect(text.length).toBeLessThan(1_100_000);
  expect(await run('cfn-lint', [template])).toEqual({ code: 0, output: '' });
});

describe('the zip', () => {
  let unpacked: string;

  beforeAll(async () => {
    unpacked = mkdtempSync(join(tmpdir(), 'zip-'));
    await succeed('python3', ['-m', 'zipfile', '-e', project.path(ZIP), unpacked]);
  });

  test('is under 1.1 MB', () => {
    expect(statSync(project.path(ZIP)).size).toBeLessThan(1_100_000);
  });

  test('has handlers/ and lib/, compiled, the policies, and nothing else of ours', () => {
    const files = ['handlers', 'lib', 'node_modules', 'package.json', 'policies.json'];
    expect(readdirSync(unpacked).sort()).toEqual(files);
    const compiled = globSync('{handlers,lib}/**/*.*', { cwd: unpacked });
    const sources = globSync('{handlers,lib}/**/*.*', { cwd: project.directory });
    expect(compiled.sort()).toEqual(sources.map((file) => file.replace(/\.ts$/, '.js')).sort());
  });

  test('has the packages that are allowed, and no other', () => {
    const names = readdirSync(join(unpacked, 'node_modules')).flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(unpacked, 'node_modules', name)).map((part) => `${name}/${part}`)
        : [name],
    );
    expect(names.sort()).toEqual(ALLOWED_PACKAGES);
  });
});
