import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { draftOf } from '../../deploy/limits.ts';
import { FUNCTIONS } from '../../deploy/policies.ts';
import type { Resources } from '../../deploy/resources.ts';

const RESOURCES = readFileSync(join(import.meta.dirname, '../../deploy/resources.yml'), 'utf8');

interface Deployed {
  service: string;
  stage: string;
  region?: string;
  policies: readonly string[];
}

/** The names of a deployment's resources, each with its type, without generated ones. */
function namesOf({ service, stage, region = 'us-east-1', policies }: Deployed): string[] {
  const yml = RESOURCES.replaceAll(/\$\{self:service\}/g, service).replaceAll(/\$\{sls:stage\}/g, stage);
  // The names read here contain none of CloudFormation's tags, such as !Ref.
  const { Resources } = parse(yml, { logLevel: 'error' }) as { Resources: Resources };
  const block = { schedule: 'cron(0 0 * * ? *)', cleanup: 'cron(0 3 * * ? *)' };
  const blocks = policies.flatMap((name, i) => [
    [name, { ...block, timezone: i % 2 ? 'UTC' : 'America/Chicago', drill: { schedule: 'rate(1 day)' } }],
  ]);
  const resources = draftOf({
    service: {
      service,
      custom: { policies: Object.fromEntries(blocks) },
      functions: Object.fromEntries(FUNCTIONS.map((name) => [name, {}])),
      resources: { Resources },
    },
    stage,
    region,
  });
  return Object.values(resources).flatMap(({ Type, Properties = {} }) =>
    Object.entries(Properties)
      .filter(
        ([key]) =>
          /^(Name|(?!Metric)[A-Z]\w+Name)$/.test(key) &&
          !/^(AWS::Lambda::Permission|.*Subscription)$/.test(Type),
      )
      .flatMap(([, name]) => {
        const text = typeof name === 'string' ? name : String(Object(name)['Fn::Sub'] ?? '');
        // biome-ignore lint/suspicious/noTemplateCurlyInString: of Fn::Sub
        return text ? [`${Type} ${text.replaceAll('${AWS::Region}', region)}`] : [];
      }),
  );
}

const inCommon = (one: Deployed, other: Deployed) => {
  const its = new Set(namesOf(one));
  return namesOf(other).filter((name) => its.has(name));
};

test('a deployment names rules, schedules, alarms, its dashboard, functions, queues, topic and role', () => {
  const types = namesOf({ service: 'autosnap', stage: 'prod', policies: ['a', 'b'] }).map(
    (name) => name.split(' ')[0],
  );
  expect([...new Set(types)].sort()).toEqual([
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Dashboard',
    'AWS::Events::Rule',
    'AWS::IAM::Role',
    'AWS::Lambda::Function',
    'AWS::SNS::Topic',
    'AWS::SQS::Queue',
    'AWS::Scheduler::Schedule',
  ]);
});

test.each<[string, Deployed, Deployed]>([
  [
    'eu-daily of prod, and daily of prod-eu',
    { service: 'autosnap', stage: 'prod', policies: ['eu-daily', 'eu-x'] },
    { service: 'autosnap', stage: 'prod-eu', policies: ['daily', 'x'] },
  ],
  [
    'a service with the name of another one and its stage',
    { service: 'autosnap', stage: 'prod', policies: ['eu-daily', 'eu-x'] },
    { service: 'autosnap-prod', stage: 'eu-x', policies: ['daily', 'x'] },
  ],
  [
    'two with names that are too long for a rule',
    { service: 'autosnap', stage: 'p'.repeat(34), policies: [`eu-${'d'.repeat(37)}`, 'x'] },
    { service: 'autosnap', stage: `${'p'.repeat(31)}-eu`, policies: ['d'.repeat(37), 'x'] },
  ],
])('no two deployments use the same name: %s', (_, one, other) => {
  expect(inCommon(one, other)).toEqual([]);
});

test('deployments with the same words in service, stage and policy, however divided, have different names', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'snapshot', 'shared'), { minLength: 4, maxLength: 6 });
  const cuts = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 }));
  fc.assert(
    fc.property(words, cuts, cuts, (its, one, other) => {
      const [left, right] = [one, other].map(([end, more]) => ({
        service: its.slice(0, end).join('-'),
        stage: its.slice(end, end + more).join('-'),
        policies: [its.slice(end + more).join('-') || 'rest', 'daily'],
      }));
      // Otherwise both would be the same stack.
      fc.pre(`${left!.service}-${left!.stage}` !== `${right!.service}-${right!.stage}`);
      expect(inCommon(left!, right!)).toEqual([]);
    }),
  );
});

test('the same deployment in another region has different names for global resources', () => {
  const policies = ['daily', 'weekly'];
  const [one, other] = ['us-east-1', 'eu-west-1'].map((region) => ({
    service: 'autosnap',
    stage: 'prod',
    region,
    policies,
  }));
  expect(
    inCommon(one!, other!).filter((name) => /^AWS::(IAM::Role|CloudWatch::Dashboard) /.test(name)),
  ).toEqual([]);
});
