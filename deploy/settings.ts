import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { DIGESTS } from '../lib/audit/publish.ts';
import { OWNER, REPORT_LINKS } from '../lib/config/environment.ts';
import { PolicyFields } from '../lib/config/policy.ts';
import { field, nearMiss, problemsOf, problemText, stemOf } from '../lib/config/schema.ts';
import { PLACEHOLDERS } from '../lib/reporting/heartbeat.ts';

/** A CloudFormation function, such as `!Ref Copies`. */
const cloudFormation = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check((value) => !Array.isArray(value) && Object.keys(value).length > 0),
);

const alertRemedy = 'must be such as { Protocol: email, Endpoint: ops@example.com }';
const endpointRemedy = 'must be an address in quotes, such as "ops@example.com" or "+14155550100"';
const ALERTS_FORM = 'must be a list of subscriptions, or [] for nobody';

const EMAIL = /^\S+@\S+$/;
const ARN = /^arn:\S+$/;
/** The subscription protocols, with the form of their addresses. */
const ENDPOINTS = {
  email: EMAIL,
  'email-json': EMAIL,
  http: /^http:\/\/\S+$/,
  https: /^https:\/\/\S+$/,
  sms: /^\+?[\d-]{6,20}$/,
  sqs: ARN,
  lambda: ARN,
  application: ARN,
};
const PROTOCOLS = Object.keys(ENDPOINTS) as (keyof typeof ENDPOINTS)[];

/** Source: AWS CloudFormation template reference, "AWS::SNS::Topic Subscription". */
const Alert = v.pipe(
  v.strictObject(
    {
      Protocol: v.picklist(PROTOCOLS, `must be one of ${PROTOCOLS.join(', ')}`),
      Endpoint: v.union([v.pipe(v.string(), v.nonEmpty(endpointRemedy)), cloudFormation], endpointRemedy),
    },
    alertRemedy,
  ),
  v.forward(
    v.check(
      ({ Protocol, Endpoint }) => typeof Endpoint !== 'string' || ENDPOINTS[Protocol].test(Endpoint),
      'is not an address for this Protocol: email needs an address such as ops@example.com, https a URL, sms a number such as "+14155550100", the others an ARN',
    ),
    ['Endpoint'],
  ),
);

const heartbeatRemedy = 'must be an http or https URL, or "" for none';
const priceRemedy = 'must be a price such as 0.10, or "" for none';
const bucketRemedy = 'must be !Ref Copies, or the name of an S3 bucket: 3 to 63 of a-z, 0-9, . and -';
const ownerRemedy =
  'must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes; or "" for the default owner of this deployment';

const POLICY_FIELDS = Object.keys(PolicyFields.entries).filter((name) => name !== 'policy');

/**
 * The settings under `custom` of serverless.yml, besides the policies. `custom` may contain keys of
 * other plugins.
 */
export const Settings = v.looseObject({
  alerts: v.optional(
    field(
      'Who gets e-mails about incidents, alarms and the daily digest: subscriptions of an SNS topic. AWS asks each to confirm.',
      v.array(Alert, ALERTS_FORM),
    ),
  ),
  digest: v.optional(
    field('When the daily digest is sent.', v.picklist(DIGESTS, 'must be always, on-trouble or never')),
  ),
  reportLink: v.optional(
    field(
      'The link to the report page in the digest: `signed` opens for whoever has the mail, for 12 hours at most; `console` only for those who may sign in to AWS.',
      v.picklist(REPORT_LINKS, 'must be signed or console'),
    ),
  ),
  heartbeat: v.optional(
    field(
      'The URL of a dead man\'s switch outside of AWS; "" for none. {policy}, {job} and {account} in it are replaced.',
      v.pipe(
        v.string(heartbeatRemedy),
        v.regex(/^(https?:\/\/\S+)?$/, heartbeatRemedy),
        v.check(
          (url) => !/[{}]/.test(PLACEHOLDERS.reduce((text, name) => text.replaceAll(`{${name}}`, ''), url)),
          `may have ${PLACEHOLDERS.map((name) => `{${name}}`).join(', ')} in it, and no other braces`,
        ),
      ),
    ),
  ),
  pricePerGb: v.optional(
    field(
      'The price of a stored gigabyte a month, for the report; "" for none.',
      v.union(
        [
          v.pipe(v.number(), v.minValue(0, priceRemedy)),
          v.pipe(v.string(), v.regex(/^(\d+(\.\d+)?)?$/, priceRemedy)),
        ],
        priceRemedy,
      ),
    ),
  ),
  copiesBucket: v.optional(
    field(
      'The S3 bucket for copies: the one of this deployment, or the name of another.',
      v.union(
        [
          v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, bucketRemedy)),
          v.strictObject({
            Ref: field('As `!Ref Copies`: the bucket of this deployment.', v.literal('Copies')),
          }),
        ],
        bucketRemedy,
      ),
    ),
  ),
  owner: v.optional(
    field(
      'The owner id of the snapshots; needed only if a deployment moves. "" is `<service>_<stage>_<AWS account>_<AWS region>`.',
      v.union([v.literal(''), v.pipe(v.string(), v.regex(OWNER, ownerRemedy))], ownerRemedy),
    ),
  ),
});

/** The problems of the settings under `custom`, each with the field and the remedy. */
export function settingsProblems(custom: unknown): string[] {
  const known = [...Object.keys(Settings.entries), 'policies'];
  const given = Object.keys(Object(custom));
  const others = Object.entries(Object(custom)).filter(([key]) => !known.includes(key));
  const { issues = [] } = v.safeParse(Settings, Object(custom));
  return [
    ...others.flatMap(([key, value]) => {
      const nearest = nearMiss(key, known);
      if (nearest && !given.includes(nearest)) return [`custom.${key}: did you mean "${nearest}"?`];
      return misplacedProblems(key, value, custom);
    }),
    ...problemsOf(issues, 'custom').map((problem) => `custom.${problemText(problem)}`),
  ];
}

/** Reports policies and policy fields that are directly under `custom`. */
function misplacedProblems(key: string, value: unknown, custom: unknown): string[] {
  const isPolicy = ['schedule', 'servers', 'keep'].every((name) => name in Object(value));
  if (isPolicy) return [`custom.${key}: is a policy: move it into custom.policies, two spaces to the right`];
  const name = POLICY_FIELDS.find((one) => stemOf(one) === stemOf(key));
  // A key that a policy refers to, by anchor or variable, is not misplaced: its value is in the
  // policy, or is an object of values by stage.
  const isUsed = Object.values(Object(Object(custom).policies)).some((policy) =>
    isDeepStrictEqual(Object(policy)[String(name)], value),
  );
  const isByStage = typeof value === 'object' && !Array.isArray(value);
  return name && !isUsed && !isByStage
    ? [
        `custom.${key}: this key belongs to a policy: move it into a block of custom.policies, as ${name}; or rename the key if it means something else`,
      ]
    : [];
}

/** The warnings of a deployment in which nobody would be notified of incidents. */
export function alertWarnings(custom: object = {}): string[] {
  const { alerts, heartbeat } = custom as { alerts?: unknown[]; heartbeat?: string };
  if ((alerts ?? []).length > 0 || heartbeat) return [];
  return [
    'Nobody is notified of incidents: add an address to custom.alerts in serverless.yml, deploy again, and confirm it by the link in the e-mail from AWS.',
  ];
}
