import pMap from 'p-map';
import { readerOf } from '../belonging.ts';
import type { Snapshot } from '../marker.ts';
import type { Session } from '../openstack/session.ts';
import type { Policy } from '../policy.ts';
import { Refusal } from '../refusal.ts';
import { type Entry, finishReport, type Report, type SnapshotLine } from '../report.ts';
import type { Run } from '../run.ts';
import { type RegionSurvey, type Survey, survey } from '../survey.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import { budgetOf } from './budget.ts';
import { containerStore, isToCloudFiles } from './cloud-files.ts';
import { copiesOf, type Place, prefixOf } from './copies.ts';
import { type Copier, toBucket } from './copy.ts';
import { openLedger } from './ledger.ts';
import type { OffsitePolicy } from './plan.ts';
import { throughCloudFiles, toCloudFiles } from './rackspace.ts';
import { copySeries, type SeriesFindings } from './series.ts';

/** Each holds some parts of its image in memory. */
const AT_ONCE = 2;

/** What a run finds out as it goes on. */
type Findings = Omit<SeriesFindings, 'entry'> & { entries: Entry[]; unreadable: Survey['unreadable'] };

/**
 * Copies the newest good snapshot of each server of a policy to where its `offsite.to` says, and deletes the copies that
 * its `offsite.keep` no longer keeps. What the time of one run does not suffice for goes on in the next one.
 *
 * @param bucket gives the bucket for copies, for those who need it.
 * @throws {Refusal} when the policy has no `offsite`, asks for what the cloud does not have, or names a region that the
 *   account lacks.
 */
export async function copyOffsite(
  session: Session,
  policy: Policy,
  bucket: () => Bucket,
  run: Run,
): Promise<Report> {
  if (!hasOffsite(policy)) {
    throw new Refusal('The event is refused', [
      'offsite: is missing: this policy asks for no copies; add offsite with a schedule and keep',
    ]);
  }
  const findings: Findings = { entries: [], warnings: [], failures: [], once: [], unreadable: [] };
  try {
    await work(session, policy, bucket, run, findings);
  } catch (error) {
    if (!isBucketError(error)) throw error;
    findings.failures.push(error.message);
  }
  const { entries, warnings, failures, unreadable } = findings;
  const left = entries.flatMap((e) => e.snapshots ?? []).filter(isLeft).length;
  return finishReport({
    job: 'offsite',
    policy: policy.policy,
    owner: run.owner,
    account: policy.account,
    dryRun: policy.dryRun,
    failures,
    unreadable,
    ...(left > 0 ? { left: { outOfTime: left === 1 ? '1 copy is left' : `${left} copies are left` } } : {}),
    warnings,
    nothingSelected: false,
    entries,
  });
}

async function work(
  session: Session,
  policy: OffsitePolicy,
  bucket: () => Bucket,
  { owner, now }: Run,
  findings: Findings,
): Promise<void> {
  const place: Place = { owner, account: policy.account, policy: policy.policy };
  const { maxBytesPerMonth, container = owner } = policy.offsite;
  const storeIn = (region: string) => containerStore(session, { region, name: container });
  if (session.provider !== 'rackspace') refuseCloudFiles(policy);
  const target = isToCloudFiles(session, policy.offsite) ? undefined : bucket();
  const { regions, unreadable } = await survey(session, policy.regions, { owner });
  findings.unreadable.push(...unreadable);
  findings.failures.push(
    ...unreadable.map(
      ({ region, problem }) => `${region} can't be read, so nothing is copied there: ${problem}`,
    ),
  );
  const home = [...(policy.regions ?? session.regions)].sort()[0];
  if (home === undefined) return;
  const ledger = await openLedger(target ?? storeIn(home), place, now);
  const budget = budgetOf(ledger, maxBytesPerMonth);
  const copierIn = (region: string): Copier => {
    if (target && session.provider !== 'rackspace')
      return toBucket({ session, bucket: target, place, now, budget });
    const exporting = {
      session,
      container: { region, name: container },
      store: storeIn(region),
      budget,
      now,
    };
    return target ? throughCloudFiles(exporting, place, target) : toCloudFiles(exporting, place);
  };
  for (const region of regions) {
    // One region's Cloud Files may fail by themselves.
    await copyRegion(copierIn(region.region), policy, region, findings).catch((error) => {
      if (!isBucketError(error)) throw error;
      findings.failures.push(`nothing more is copied in ${region.region}: ${error.message}`);
    });
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
  const { store, staging, place, session } = copier;
  const { region, images } = surveyed;
  const read = readerOf(surveyed, policy, { owner: place.owner, projectId: session.projectId });
  const ours = images
    .map((image) => read(image, surveyed.volumeSnapshots))
    .filter((s): s is Snapshot => typeof s === 'object' && s.policy === policy.policy);
  const prefix = prefixOf(place, region);
  const copies = copiesOf(place, await store.list(prefix), await store.uploads(prefix));
  const staged = staging ? copiesOf(place, [], await staging.uploads(prefix)) : [];
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const nameOf = new Map(surveyed.servers.map(({ id, name }) => [id, name]));
  const servers = [...new Set([...ours, ...copies, ...staged].map(({ server }) => server))].sort();

  await pMap(
    servers,
    async (server) => {
      const its = <T extends { server: string }>(all: readonly T[]) =>
        all.filter((one) => one.server === server);
      const found = await copySeries(copier, policy, {
        server,
        name: nameOf.get(server),
        region,
        snapshots: its(ours),
        copies: its(copies),
        staged: its(staged),
        imageOf,
      });
      findings.entries.push(found.entry);
      for (const kind of ['warnings', 'failures', 'once'] as const) findings[kind].push(...found[kind]);
    },
    // With a limit one after another: what is left of it is known only once the one before has begun.
    { concurrency: policy.offsite.maxBytesPerMonth === undefined ? AT_ONCE : 1 },
  );
}

/** @throws {Refusal} when a policy wants of any other cloud what only Rackspace has. */
function refuseCloudFiles({ offsite }: OffsitePolicy): void {
  const problems = [
    ...(offsite.to === 'cloud-files'
      ? [
          'offsite.to: "cloud-files" is for Rackspace\'s own cloud, and this account is of another: leave it out',
        ]
      : []),
    ...(offsite.container ? ["offsite.container: is for Rackspace's own cloud: leave it out"] : []),
  ];
  if (problems.length > 0) throw new Refusal('The event is refused', problems);
}

function isLeft({ outcome, reasons }: SnapshotLine): boolean {
  return outcome === 'deferred' && !reasons.some((reason) => reason.includes('(maxDeletes)'));
}

function hasOffsite(policy: Policy): policy is OffsitePolicy {
  return policy.offsite !== undefined;
}
