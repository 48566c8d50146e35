import pMap from 'p-map';
import type { Policy } from '../config/policy.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import { isCloudError } from '../openstack/errors.ts';
import { getImage, type Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { type Finding, type Reason, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, finishReport, type Report, type SnapshotLine } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { homeOf, listInventory } from '../snapshots/inventory.ts';
import { isSnapshot, type Snapshot, serverNameIn } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { Inventory, RegionInventory } from '../snapshots/region-inventory.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import { budgetOf } from './budget.ts';
import { cloudFilesProblems, containerStore, isToCloudFiles } from './cloud-files.ts';
import { type Copy, copiesOf, isKeyId, isKeyName, type Place, prefixOf } from './copies.ts';
import { type CopyContext, toBucket } from './copy.ts';
import { EMPTY_LEDGER, type Ledger, openLedger } from './ledger.ts';
import { newestGood, type OffsitePolicy } from './plan.ts';
import { throughCloudFiles, toCloudFiles } from './rackspace.ts';
import { copySeries, type Series, type SeriesFindings, seriesKey } from './series.ts';

/** Copies at the same time: each holds some parts of its image in memory. */
const AT_ONCE = 2;

/** The findings that a run collects. */
type Findings = Omit<SeriesFindings, 'entry'> & { entries: Entry[]; unreadable: Inventory['unreadable'] };

/** A series and the context for its copies. */
type Turn = { context: CopyContext; series: Series };

/**
 * Copies the newest good snapshot of each server of a policy to the store that `offsite.to` names,
 * and deletes the copies that `offsite.keep` no longer keeps. The next run resumes copies that are
 * unfinished at the run deadline.
 *
 * @param bucket returns the S3 bucket; called only when copies go to S3.
 * @throws {ValidationError} when the policy has no `offsite`, asks for something that the cloud
 *   does not support, or names a region that the account lacks.
 */
export async function copyOffsite(
  session: Session,
  policy: Policy,
  bucket: () => Bucket,
  run: Run,
): Promise<Report> {
  if (!hasOffsite(policy)) {
    throw new ValidationError({ code: 'JOB_NOT_IN_POLICY', policy: policy.policy, job: 'offsite' });
  }
  const findings: Findings = { entries: [], warnings: [], failures: [], once: [], unreadable: [] };
  try {
    await work(session, policy, bucket, run, findings);
  } catch (error) {
    if (!isBucketError(error)) throw error;
    findings.failures.push({ code: 'BUCKET', error: error.code, message: error.message });
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
    ...(left > 0 ? { left: { outOfTime: left } } : {}),
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
  refuseNames(place);
  const { maxBytesPerMonth, container = owner } = policy.offsite;
  const storeIn = (region: string) => containerStore(session, { region, name: container });
  const reasons = cloudFilesProblems(session, policy.offsite);
  if (reasons.length > 0) throw new ValidationError({ code: 'JOB_REFUSED', job: 'offsite', reasons });
  const target = isToCloudFiles(session, policy.offsite) ? undefined : bucket();
  const { regions, unreadable } = await listInventory(session, policy.regions, { owner });
  findings.unreadable.push(...unreadable);
  findings.failures.push(...unreadableRegions('offsite', unreadable));
  const home = [...(policy.regions ?? session.regions)].sort()[0];
  if (home === undefined) return;
  const ledger = await openLedger(target ?? storeIn(home), place, { now, dryRun: policy.dryRun }).catch(
    (error) => {
      if (!isBucketError(error)) throw error;
      findings.failures.push({ code: 'COPY_LEDGER_UNREADABLE', message: error.message });
      return EMPTY_LEDGER;
    },
  );
  const budget = budgetOf(ledger, maxBytesPerMonth, now);
  const contextIn = (region: string): CopyContext => {
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
  const turns: Turn[] = [];
  for (const region of regions) {
    try {
      const context = contextIn(region.region);
      const all = await seriesIn(context, policy, region, findings.warnings);
      turns.push(...all.map((series) => ({ context, series })));
    } catch (error) {
      // Cloud Files may fail in one region alone: the other regions are still copied.
      if (!isBucketError(error)) throw error;
      findings.failures.push({
        code: 'COPIES_STOPPED_IN_REGION',
        where: region.region,
        message: error.message,
      });
    }
  }
  await pMap(
    inOrder(turns, ledger),
    async ({ context, series }) => {
      const found = await copySeries(context, policy, series, ledger);
      findings.entries.push(found.entry);
      for (const kind of ['warnings', 'failures', 'once'] as const) findings[kind].push(...found[kind]);
    },
    // With a limit, one series at a time: the remaining bytes are known only once the previous copy
    // has begun.
    { concurrency: maxBytesPerMonth === undefined ? AT_ONCE : 1 },
  );
  // When the ledger can't be read, the findings are reported again.
  const { once } = findings;
  const unreported = await ledger.unreported(once, { remember: !policy.dryRun }).catch((error) => {
    if (isBucketError(error)) return once;
    throw error;
  });
  findings.warnings.push(...unreported);
}

/**
 * The series of all regions, the one that has waited the longest first: since its newest copy, or
 * since its last turn if that was later. So a series that fails, or takes up a whole run, does not
 * block the others.
 */
function inOrder(turns: readonly Turn[], ledger: Ledger): Turn[] {
  const sinceMs = ({ series }: Turn) =>
    Math.max(
      ledger.lastTurn(seriesKey(series))?.getTime() ?? 0,
      ...series.copies.filter(({ manifest }) => manifest).map(({ slot }) => slot.getTime()),
    );
  const firstMs = ({ series: { snapshots } }: Turn) =>
    Math.min(...snapshots.map(({ slot }) => slot.getTime()));
  const order = (turn: Turn) => [sinceMs(turn), firstMs(turn)] as const;
  return turns
    .map((turn) => ({ turn, by: order(turn) }))
    .sort((a, b) => a.by[0] - b.by[0] || (a.by[1] < b.by[1] ? -1 : 1))
    .map(({ turn }) => turn);
}

/** All series of one region that have snapshots, copies or exports. */
async function seriesIn(
  context: CopyContext,
  policy: OffsitePolicy,
  surveyed: RegionInventory,
  warnings: Finding[],
): Promise<Series[]> {
  const { store, staging, place, session } = context;
  const { region } = surveyed;
  const prefix = prefixOf(place, region);
  const copies = copiesOf(place, await store.list(prefix), await store.uploads(prefix));
  const staged = staging ? copiesOf(place, [], await staging.uploads(prefix)) : [];
  const unfinished = [...copies.filter(({ manifest }) => !manifest), ...staged];
  const { images, gone } = await completed(session, surveyed, unfinished);
  const read = readerOf({ ...surveyed, images }, policy, {
    owner: place.owner,
    projectId: session.projectId,
  });
  const ours = images
    .map((image) => read(image, surveyed.volumeSnapshots))
    .filter((s): s is Snapshot => isSnapshot(s) && s.policy === policy.policy);
  const isNamable = ({ id, server }: Snapshot) => isKeyId(id) && isKeyId(server);
  for (const { id, server } of ours.filter((one) => !isNamable(one))) {
    warnings.push({ code: 'SERVER_ID_ODD', region, image: id, server });
  }
  const namable = ours.filter(isNamable);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const homes = new Map(namable.map((one) => [one.id, homeOf(imageOf.get(one.id)!, one, surveyed)]));
  warnings.push(...notHere(namable, homes, policy, { region, now: context.now }));
  // Only the series of its home region includes a snapshot: otherwise it would be copied and
  // counted twice.
  const snapshots = Map.groupBy(
    namable.filter(({ id }) => homes.get(id) === region),
    ({ server }) => server,
  );
  const [copiesBy, stagedBy] = [copies, staged].map((all) => Map.groupBy(all, ({ server }) => server));
  const nameOf = new Map(surveyed.servers.map(({ id, name }) => [id, name]));
  const servers = new Set([...snapshots.keys(), ...copiesBy!.keys(), ...stagedBy!.keys()]);
  return [...servers].sort().map((server) => ({
    server,
    name: nameOf.get(server),
    region,
    snapshots: snapshots.get(server) ?? [],
    copies: copiesBy!.get(server) ?? [],
    staged: stagedBy!.get(server) ?? [],
    imageOf,
    gone,
  }));
}

/**
 * Findings for servers whose newest snapshot is not copied here: its home is another region, or is
 * unknown.
 */
function notHere(
  snapshots: readonly Snapshot[],
  homes: ReadonlyMap<string, string | undefined>,
  policy: OffsitePolicy,
  { region, now }: { region: string; now: Date },
): Finding[] {
  return [...Map.groupBy(snapshots, ({ server }) => server)].flatMap(([server, ofServer]): Finding[] => {
    const newest = newestGood(ofServer, now);
    const home = newest && homes.get(newest.id);
    if (!newest || home === region) return [];
    // A region outside the policy is no concern of this policy.
    if (home !== undefined && policy.regions?.includes(home) === false) return [];
    const reason: Reason =
      home === undefined ? { code: 'COPY_HOME_UNKNOWN' } : { code: 'COPY_ELSEWHERE', home };
    return [{ code: 'NOT_COPIED', region, of: serverNameIn(newest) || server, reasons: [reason] }];
  });
}

/**
 * A region's images, with those that its listing may lack: the images of unfinished copies are
 * requested by their ids. Only an image for which the cloud answers 404 is gone.
 */
async function completed(
  session: Session,
  { region, images }: RegionInventory,
  unfinished: readonly Copy[],
): Promise<{ images: Image[]; gone: Set<string> }> {
  const listed = new Set(images.map(({ id }) => id));
  const missing = new Set(unfinished.map(({ image }) => image).filter((id) => !listed.has(id)));
  const gone = new Set<string>();
  const found = await pMap(
    missing,
    async (id) => {
      try {
        const image = await getImage(session, region, id);
        if (!image) gone.add(id);
        return image ? [image] : [];
      } catch (error) {
        // An image that can't be read is not gone.
        if (!isCloudError(error)) throw error;
        return [];
      }
    },
    { concurrency: AT_ONCE },
  );
  return { images: [...images, ...found.flat()], gone };
}

/** @throws {ValidationError} when the owner or account can't be part of the copies' keys. */
function refuseNames({ owner, account }: Place): void {
  const problems = Object.entries({ owner, account })
    .filter(([, name]) => !isKeyName(name))
    .map(([field, name]) => `${field}: "${name}" can't be part of the keys of copies: choose another name`);
  if (problems.length > 0) throw invalidEvent(...problems);
}

function isLeft({ outcome, codes }: SnapshotLine): boolean {
  return outcome === 'deferred' && !codes.includes('MAX_DELETES');
}

function hasOffsite(policy: Policy): policy is OffsitePolicy {
  return policy.offsite !== undefined;
}
