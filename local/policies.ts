import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { policiesOf, type Service } from '../deploy/policies.ts';

/** A policy of serverless.yml, as far as its keys are shown. */
type Shipped = Record<string, unknown> & { policy: string; keep: Record<string, number> };

/** The policy that serverless.yml is shipped with, as a deployment has it: with its name. */
export function shippedPolicy(): Shipped {
  const yml = readFileSync(new URL('../serverless.yml', import.meta.url), 'utf8');
  // CloudFormation's own tags, such as !Ref, stand in other places.
  const [policy] = policiesOf(parse(yml, { logLevel: 'error' }) as Service);
  return policy as Shipped;
}
