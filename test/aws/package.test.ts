import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readConfiguration from 'serverless/lib/configuration/read.js';
import resolveVariables from 'serverless/lib/configuration/variables/index.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { draftOf } from '../../deploy/limits.ts';
import type { Service } from '../../deploy/policies.ts';
import type { Resources } from '../../deploy/resources.ts';
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

test('the same sources give the same zip, byte for byte', () => {
  const [one, two] = [project, another].map((copy) =>
    createHash('sha256')
      .update(readFileSync(copy.path(ZIP)))
      .digest('hex'),
  );
  expect(one).toBe(two);
});

test.for(['create', 'update'])(
  'cfn-lint finds no problem in the template that %ss the stack',
  async (verb) => {
    const template = project.path(`.serverless/cloudformation-template-${verb}-stack.json`);
    expect(JSON.parse(readFileSync(template, 'utf8'))).toHaveProperty('Resources');
    expect(await run('cfn-lint', [template])).toEqual({ code: 0, output: '' });
  },
);

test.for(['Reports', 'Copies'])('the bucket %s stays, unless the first deployment fails', (bucket) => {
  const template = readFileSync(
    project.path('.serverless/cloudformation-template-update-stack.json'),
    'utf8',
  );
  // The emulator supports only Retain, which would leave a bucket behind after each failed first
  // deployment.
  expect(JSON.parse(template).Resources[bucket]).toMatchObject({
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  });
});

describe('many policies', () => {
  const block = (i: number, more: string) => `    customer-${i}:
      schedule: cron(${i % 60} ${i % 24} * * ? *)
      cleanup: rate(6 hours)
      account: customer-${i}
      servers: { all: true }
      keep: { last: 7 }
${more}`;
  const zone = '      timezone: America/Chicago\n';
  const copies = '      offsite: { schedule: rate(6 hours), keep: { last: 2 } }\n';
  const drill = '      drill: { schedule: cron(0 3 * * ? *) }\n';

  test.for([
    [5, 'zones', zone],
    [50, 'zones and copies', zone + copies],
    [150, 'copies and drills', copies + drill],
  ] as const)('%d with %s fit into one stack, as the check predicts', async ([count, _, more]) => {
    // The file already has one policy.
    const blocks = Array.from({ length: count - 1 }, (_, i) => block(i, more)).join('');
    const crowd = await packaged((yml) => addPolicy(yml, blocks));
    const template = crowd.path('.serverless/cloudformation-template-update-stack.json');
    const text = readFileSync(template, 'utf8');
    const { Resources } = JSON.parse(text);
    // CloudFormation's limits: 500 resources, a megabyte.
    expect(Object.keys(Resources).length).toBeLessThanOrEqual(500);
    expect(text.length).toBeLessThanOrEqual(1_000_000);
    expect(typesOf(await draft(crowd))).toEqual(typesOf(Resources));
    expect(await run('cfn-lint', [template])).toEqual({ code: 0, output: '' });
  });

  /** The size of the template that `autosnap check` predicts. */
  async function draft({ directory, path }: Project): Promise<Resources> {
    const configuration = await readConfiguration(path('serverless.yml'));
    const options = { stage: 'prod' };
    await resolveVariables({ serviceDir: directory, configuration, options });
    return draftOf({ service: configuration as unknown as Service, region: 'us-east-1', ...options });
  }

  const typesOf = (resources: Resources) =>
    Object.values(resources)
      .map(({ Type }) => Type)
      .sort();
});

describe('the zip', () => {
  let unpacked: string;

  beforeAll(async () => {
    unpacked = mkdtempSync(join(tmpdir(), 'zip-'));
    await succeed('python3', ['-m', 'zipfile', '-e', project.path(ZIP), unpacked]);
  });

  test('is under 1.4 MB', () => {
    expect(statSync(project.path(ZIP)).size).toBeLessThan(1_400_000);
  });

  test('contains handlers/ and lib/, compiled, the policies, and no other files of the project', () => {
    const files = ['handlers', 'lib', 'node_modules', 'package.json', 'policies.json'];
    expect(readdirSync(unpacked).sort()).toEqual(files);
    const compiled = globSync('{handlers,lib}/**/*.*', { cwd: unpacked });
    const sources = globSync('{handlers,lib}/**/*.*', { cwd: project.directory });
    expect(compiled.sort()).toEqual(sources.map((file) => file.replace(/\.ts$/, '.js')).sort());
  });

  test('contains only the allowed packages, and all of them', () => {
    const names = readdirSync(join(unpacked, 'node_modules')).flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(unpacked, 'node_modules', name)).map((part) => `${name}/${part}`)
        : [name],
    );
    expect(names.sort()).toEqual(ALLOWED_PACKAGES);
  });
});
