import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

describe('autosnap check', () => {
  const ROOT = join(import.meta.dirname, '../..');
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'check-'));
    cpSync(join(ROOT, 'deploy'), join(directory, 'deploy'), { recursive: true });
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Runs the check on the project's serverless.yml after a change. */
  async function check(change: (yml: string) => string, ...args: string[]) {
    writeFileSync(
      join(directory, 'serverless.yml'),
      change(readFileSync(join(ROOT, 'serverless.yml'), 'utf8')),
    );
    const command = [join(ROOT, 'deploy/autosnap.ts'), 'check', ...args];
    // Without a region, a profile or credentials.
    const { NODE_COMPILE_CACHE } = process.env;
    return promisify(execFile)(process.execPath, command, {
      cwd: directory,
      env: { NODE_COMPILE_CACHE },
    }).then(
      ({ stdout, stderr }) => ({ code: 0, output: `${stdout}${stderr}` }),
      ({ code, stderr }) => ({ code, output: stderr }),
    );
  }

  test('the file of the project is valid', async () => {
    expect(await check((yml) => yml, '--stage', 'prod')).toEqual({
      code: 0,
      output: 'serverless.yml is valid. Stage prod, policies: daily\n',
    });
  });

  test('the stage local is refused, because it is never deployed', async () => {
    expect(await check((yml) => yml, '--stage', 'local')).toEqual({
      code: 2,
      output: expect.stringMatching(/^check needs a deployment: give its stage with --stage/),
    });
  });

  test('--help prints the usage', async () => {
    expect(await check((yml) => yml, '--help')).toEqual({
      code: 0,
      output: expect.stringMatching(/^Usage: npx autosnap check .*\n\nChecks serverless\.yml/),
    });
  });

  test('a warning does not fail the check', async () => {
    const change = (yml: string) =>
      yml.replace(
        '      maxDeletes: 10',
        '      offsite: { schedule: rate(1 day), keep: { last: 2 }, maxBytesPerMonth: 500MB }\n      maxDeletes: 10',
      );
    expect(await check(change)).toEqual({
      code: 0,
      output: expect.stringMatching(
        /^serverless\.yml is valid\..*\nWarning: custom\.policies\.daily\.offsite\.maxBytesPerMonth: /,
      ),
    });
  });

  test('a schedule that takes more between two cleanups than one may delete is a warning', async () => {
    const hourly = (yml: string) =>
      yml
        .replace('schedule: cron(0 0 * * ? *)', 'schedule: rate(1 hour)')
        .replace('cleanup: rate(6 hours)', 'cleanup: rate(1 day)');
    expect(await check(hourly)).toEqual({
      code: 0,
      output: expect.stringMatching(
        /\nWarning: custom\.policies\.daily\.cleanup: more than 10 snapshots of a server are taken between two cleanups on average, .*: let cleanup run more often, or raise maxDeletes\n$/,
      ),
    });
    expect(
      (await check((yml) => hourly(yml).replace('maxDeletes: 10', 'maxDeletes: 24'))).output,
    ).not.toContain('Warning');
  });

  test('invalid YAML and unknown arguments are reported without a stack', async () => {
    const broken = await check((yml) => `${yml}\n  - : {`);
    expect(broken).toMatchObject({ code: 1, output: expect.not.stringContaining('    at ') });
    expect(await check((yml) => yml, '--stgae', 'prod')).toEqual({
      code: 2,
      output: "Unknown option '--stgae'\nUsage: npx autosnap check [--stage <stage>]\n",
    });
  });

  test('without the settings, their defaults apply', async () => {
    const settings = /\n {2}(alerts|digest|reportLink|heartbeat|pricePerGb|owner): .*/g;
    const change = (yml: string) => {
      expect(yml.match(settings)).toHaveLength(6);
      return yml.replace(settings, '');
    };
    expect(await check(change)).toMatchObject({ code: 0 });
  });

  test('variables may be in .env, also for a stage', async () => {
    const change = (yml: string) =>
      `useDotenv: true\n${yml.replace('heartbeat: ""', `heartbeat: \${env:HEARTBEAT}`)}`;
    writeFileSync(join(directory, '.env.prod'), 'HEARTBEAT=no-url');
    expect((await check(change, '--stage', 'prod')).output).toContain('custom.heartbeat: must be an http');
    writeFileSync(join(directory, '.env.prod'), 'HEARTBEAT=https://example.com/ping');
    expect(await check(change, '--stage', 'prod')).toMatchObject({ code: 0 });
  });

  test.each(['q_a', '1'])('the stage %s in the file is refused in one line', async (stage) => {
    expect(await check((yml) => yml.replace('stage: dev', `stage: ${stage}`))).toEqual({
      code: 1,
      output:
        'serverless.yml is refused:\n- provider.stage: must start with a letter, and contain only letters, digits and hyphens\n',
    });
  });

  test('the functions may be listed in parts, together with others', async () => {
    const [one, several] = [
      'functions: ${',
      'functions:\n  - mine: { handler: handlers/hold.handler, runtime: nodejs24.x }\n  - ${',
    ];
    expect(await check((yml) => yml.replace(one, several))).toMatchObject({ code: 0 });
  });

  test('a part of the functions may override a single setting of a function of the product', async () => {
    const change = (yml: string) =>
      yml.replace(/functions: (\$.*)/, 'functions:\n  - $1\n  - snapshot: { memorySize: 1024 }');
    expect(await check(change)).toMatchObject({ code: 0 });
  });

  test('the resources may be listed in parts, which all count', async () => {
    const change = (yml: string) =>
      yml.replace(
        'resources: ${',
        'resources:\n  - Resources: { Mine: { Type: AWS::SQS::Queue, Properties: { QueueName: ' +
          'q'.repeat(90) +
          ' } } }\n  - ${',
      );
    expect(await check(change)).toEqual({
      code: 1,
      output: expect.stringContaining('has 90 characters, 10 more than the 80 that AWS allows'),
    });
    expect(await check((yml) => yml.replace('resources: ${', 'resources:\n  - ${'))).toMatchObject({
      code: 0,
    });
  });

  test('variables are resolved, and every problem is reported', async () => {
    const change = (yml: string) =>
      yml
        .replace('weekly: 4', 'wekly: 4')
        .replace('alerts: []', 'alerts: [ops@example.com]')
        // biome-ignore lint/suspicious/noTemplateCurlyInString: of Serverless
        .replace('digest: always', 'digest: ${sls:stage}ly');
    expect(await check(change, '--stage', 'week')).toEqual({
      code: 1,
      output: [
        'serverless.yml is refused:',
        '- custom.alerts.0: must be such as { Protocol: email, Endpoint: ops@example.com }',
        '- custom.digest: must be always, on-trouble or never',
        '- custom.policies.daily.keep.wekly: is not a known key: did you mean "weekly"?',
        '',
      ].join('\n'),
    });
  });

  test('parameters are read from the file and the command, for the stage', async () => {
    const change = (yml: string) =>
      yml
        // biome-ignore lint/suspicious/noTemplateCurlyInString: of Serverless
        .replace('timezone: UTC', 'timezone: ${param:zone}')
        .replace(
          'custom:',
          'params:\n  prod: { zone: America/Chicago }\n  default: { zone: Nowhere }\n\ncustom:',
        );
    expect(await check(change, '--stage', 'prod')).toMatchObject({ code: 0 });
    expect(await check(change)).toEqual({
      code: 1,
      output: expect.stringContaining('- custom.policies.daily.timezone: must be the name of a time zone'),
    });
    expect(await check(change, '--param', 'zone=Asia/Kathmandu')).toMatchObject({ code: 0 });
  });

  test('an invalid stage is reported once', async () => {
    expect(await check((yml) => yml, '--stage', 'a_b')).toEqual({
      code: 1,
      output:
        'serverless.yml is refused:\n- stage: must start with a letter, and contain only letters, digits and hyphens\n',
    });
  });

  test('a variable that only AWS can resolve is named', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of Serverless
    const change = (yml: string) => yml.replace('timezone: UTC', 'timezone: ${ssm:/zone}');
    expect(await check(change)).toEqual({
      code: 1,
      output: expect.stringMatching(/"custom\.policies\.daily\.timezone".*use npx serverless package\n$/),
    });
  });
});
