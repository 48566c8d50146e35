import { mkdirSync, writeFileSync } from 'node:fs';
import { audit } from '../lib/audit/audit.ts';
import { reportPage } from '../lib/audit/page.ts';
import { parsePolicy } from '../lib/config/policy.ts';
import { parseSecret } from '../lib/credentials/parse-secret.ts';
import { connect } from '../lib/openstack/session.ts';
import type { Cloud } from './cloud/cloud.ts';
import { demoPolicy } from './policies.ts';

/** The price of a gigabyte per month in the example page. */
const PRICE_PER_GB = 0.1;

/** The drills of the policy; some snapshots of the fleet have their results. */
const DRILL = { schedule: 'cron(0 3 * * ? *)' };

/**
 * The report page of an embedded cloud at `now`, for the first policy of serverless.yml with drills
 * added.
 */
export async function reportOf(
  cloud: Cloud,
  owner: string,
  now = cloud.now(),
  stage = 'local',
): Promise<string> {
  const policies = [parsePolicy({ ...(await demoPolicy()), drill: DRILL })];
  const credentials = parseSecret('embedded', cloud.secret('rackspace'));
  const login = () => connect(async () => credentials, { remainingMs: () => 60_000 });
  const run = { owner, now, requestId: 'report', policies };
  return reportPage(await audit(policies, run, login, { pricePerGb: PRICE_PER_GB }), stage);
}

/**
 * Writes {@link reportOf} to a file below reports/.
 *
 * @returns the file's path.
 */
export async function writeReport(cloud: Cloud, owner: string): Promise<string> {
  const file = 'reports/autosnap.html';
  mkdirSync('reports', { recursive: true });
  writeFileSync(file, await reportOf(cloud, owner));
  return file;
}
