import pMap from 'p-map';
import { readerOf } from '../belonging.ts';
import type { Snapshot } from '../marker.ts';
import type { Session } from '../openstack/session.ts';
import type { Policy } from '../policy.ts';
import { Refusal } from '../refusal.ts';
import { type Entry, finishReport, type Report, type SnapshotLine } from '../report.ts';
import type { Run } from '../run.ts';
import { type RegionSurvey, survey } from '../survey.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import { copiesOf, type Place, prefixOf } from './copies.ts';
import type { Copier } from './copy.ts';
import { openLedger } from './ledger.ts';
import type { OffsitePolicy } from './plan.ts';
import { copySeries, type SeriesFindings } from './series.ts';

/** Each holds some parts of its image in memory. */
const AT_ONCE = 2;

/** What a run finds out as it goes on. */
type Findings = Omit<SeriesFindings, 'entry'> & { entries: Entry[] };

/**
 * Copies the newest good snapshot of each server of a policy into a bucket, and deletes the copies that the policy's
 * `offsite.keep` no longer keeps. What the time of one run does not suffice for goes on in the next one.
 *
 * @throws {Refusal} when the policy has no `offsite`, or names a region that the account lacks.
 */
export async function copyOffsite(
  session: Session,
  policy: Policy,
  bucket: Bucket,
  run: Run,
): Promise<Report> {
  if (!hasOffsite(policy)) {
    throw new Refusal('The event is refused', [
      'offsite: is missing: this policy asks for no copies; add offsite with a schedule and keep',
    ]);
  }
  const findings: Findings = { entries: [], warnings: [], failures: [], once: [] };
  try {
    await work(session, policy, bucket, run, findings);
  } catch (error) {
    if (!isBucketError(error)) throw error;
    findings.failures.push(error.message);
  }
  const { entries, warnings, failures } = findings;
  const left = entries.flatMap((e) => e.snapshots ?? []).filter(isLeft).length;
  if (left > 0)
    failures.push(
      `stopped in time: ${left === 1 ? '1 copy is' : `${left} copies are`} left for the next try`,
    );
  return finishReport({
    job: 'offsite',
    policy: policy.policy,
    owner: run.owner,
    account: policy.account,
    dryRun: policy.dryRun,
    failures,
    warnings,
    nothingSelected: false,
    entries,
  });
}

async function work(
  session: Session,
  policy: OffsitePolicy,
  bucket: Bucket,
  { owner, now }: Run,
  findings: Findings,
): Promise<void> {
  const place: Place = { owner, account: policy.account, policy: policy.policy };
  const ledger = await openLedger(bucket, place, now);
  if (session.provider === 'rackspace') {
    findings.once.push(
      'offsite: Rackspace does not give out the data of its images, and its export to Cloud Files is not supported yet: nothing is copied. Copies work on any OpenStack, Rackspace Flex included.',
    );
  } else {
    const { regions, unreadable } = await survey(
      session,
      policy.regions,
      ({ volumeSnapshotIds }) => volumeSnapshotIds.length > 0,
    );
    findings.failures.push(
      ...unreadable.map(
        ({ region, problem }) => `${region} can't be read, so nothing is copied there: ${problem}`,
      ),
    );
    const { maxBytesPerMonth } = policy.offsite;
    const copier: Copier = { session, bucket, place, ledger, maxBytesPerMonth, now };
    for (const region of regions) await copyRegion(copier, policy, region, findings);
  }
  // When there is no time to look whether it was said, it is said.
  const unsaid = ledger.unsaid(findings.once, { remember: !policy.dryRun }).catch((error) => {
    if (isBucketError(error, 'OUT_OF_TIME')) return findings.once;
    throw error;
  });
  findings.warnings.push(...(await unsaid));
}

async function copyRegion(
  copier: Copier,
  policy: OffsitePolicy,
  surveyed: RegionSurvey,
  findings: Findings,
): Promise<void> {
  const { bucket, place, session } = copier;
  const { region, images } = surveyed;
  const read = readerOf(surveyed, policy, { owner: place.owner, projectId: session.projectId });
  const ours = images
    .map((image) => read(image, surveyed.volumeSnapshots))
    .filter((s): s is Snapshot => typeof s === 'object' && s.policy === policy.policy);
  const prefix = prefixOf(place, region);
  const copies = copiesOf(place, await bucket.list(prefix), await bucket.uploads(prefix));
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const nameOf = new Map(surveyed.servers.map(({ id, name }) => [id, name]));
  const servers = [...new Set([...ours, ...copies].map(({ server }) => server))].sort();

  await pMap(
    servers,
    async (server) => {
      const its = <T extends { server: string }>(all: readonly T[]) =>
        all.filter((one) => one.server === server);
      const series = { server, name: nameOf.get(server), region, snapshots: its(ours), copies: its(copies) };
      const found = await copySeries(copier, policy, { ...series, imageOf });
      findings.entries.push(found.entry);
      for (const kind of ['warnings', 'failures', 'once'] as const) findings[kind].push(...found[kind]);
    },
    // With a limit one after another: what is left of it is known only once the one before has begun.
    { concurrency: policy.offsite.maxBytesPerMonth === undefined ? AT_ONCE : 1 },
  );
}

function isLeft({ outcome, reasons }: SnapshotLine): boolean {
  return outcome === 'deferred' && !reasons.some((reason) => reason.includes('(maxDeletes)'));
}

function hasOffsite(policy: Policy): policy is OffsitePolicy {
  return policy.offsite !== undefined;
}
