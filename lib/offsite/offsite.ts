import pMap from 'p-map';
import type { Policy } from '../config/policy.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import type { Session } from '../openstack/session.ts';
import { reasonFor } from '../reporting/failure.ts';
import { finishReport } from '../reporting/finish-report.ts';
import { type Finding, type Reason, unreadableRegions } from '../reporting/reasons.ts';
import type { Entry, Report, SnapshotLine } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { homeOf } from '../snapshots/home-region.ts';
import { listInventory } from '../snapshots/inventory.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { Inventory, RegionInventory } from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import { backUpVolumes } from './back-up-volumes.ts';
import { makesBackups } from './backups.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import { budgetOf } from './budget.ts';
import { cloudFilesProblems, containerStore, isToCloudFiles } from './cloud-files.ts';
import { type CopyScope, copiesOf, isKeyId, isKeyName, prefixOf } from './copies.ts';
import { type CopyContext, toBucket } from './copy.ts';
import { EMPTY_LEDGER, type Ledger, openLedger } from './ledger.ts';
import { newestGood, type OffsitePolicy } from './plan.ts';
import { throughCloudFiles, toCloudFiles } from './rackspace.ts';
import { attemptKey, copySeries, type Series, type SeriesFindings } from './series.ts';
import { withUnlistedImages } from './unlisted-images.ts';

/**
 * The number of copies that are made at the same time. Each holds some parts of its image in
 * memory.
 */
const AT_ONCE = 2;

/** The findings of a run. */
type Findings = Omit<SeriesFindings, 'entry'> & { entries: Entry[]; unreadable: Inventory['unreadable'] };

/** A series and the context for its copies. */
type QueuedSeries = { context: CopyContext; series: Series };

/**
 * Copies the newest good snapshot of each server of a policy to the store that `offsite.to` names,
 * and deletes the copies that `offsite.keep` no longer keeps. The next run resumes the copies that
 * are unfinished at the run deadline.
 *
 * @param bucket returns the S3 bucket; called only when copies go to S3.
 * @throws {ValidationError} when the policy has no `offsite`, has a field that the cloud does not
 *   support, or names a region that the account lacks.
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
    await copyAll(session, policy, bucket, run, findings);
  } catch (error) {
    if (!isBucketError(error)) throw error;
    findings.failures.push(reasonFor(error));
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

async function copyAll(
  session: Session,
  policy: OffsitePolicy,
  bucket: () => Bucket,
  run: Run,
  findings: Findings,
): Promise<void> {
  const { owner, now } = run;
  const scope: CopyScope = { owner, account: policy.account, policy: policy.policy };
  refuseNames(scope);
  const { maxBytesPerMonth, container = owner } = policy.offsite;
  const storeIn = (region: string) => containerStore(session, { region, name: container });
  const reasons = cloudFilesProblems(session, policy.offsite);
  if (reasons.length > 0) throw new ValidationError({ code: 'JOB_REFUSED', job: 'offsite', reasons });
  const target = isToCloudFiles(session, policy.offsite) ? undefined : bucket();
  const volumes = makesBackups(session, policy.offsite) ? 'all' : undefined;
  const { regions, unreadable } = await listInventory(session, policy.regions, { owner, volumes });
  findings.unreadable.push(...unreadable);
  findings.failures.push(...unreadableRegions('offsite', unreadable));
  // The copies of images may need the rest of the run.
  const place = target && { store: target, scope };
  const backedUp = policy.offsite.volumes && (await backUpVolumes(session, policy, regions, run, place));
  if (backedUp) addAll(findings, backedUp);
  const home = [...(policy.regions ?? session.regions)].sort()[0];
  if (home === undefined) return;
  const ledger = await openLedger(target ?? storeIn(home), scope, { now, dryRun: policy.dryRun }).catch(
    (error) => {
      if (!isBucketError(error)) throw error;
      findings.failures.push({ code: 'COPY_LEDGER_UNREADABLE', message: error.message });
      return EMPTY_LEDGER;
    },
  );
  const budget = budgetOf(ledger, maxBytesPerMonth, now);
  const contextIn = (region: string): CopyContext => {
    if (target && session.provider !== 'rackspace')
      return toBucket({ session, bucket: target, scope, now, budget });
    const exporting = {
      session,
      container: { region, name: container },
      store: storeIn(region),
      budget,
      now,
    };
    return target ? throughCloudFiles(exporting, scope, target) : toCloudFiles(exporting, scope);
  };
  const queue: QueuedSeries[] = [];
  for (const region of regions) {
    try {
      const context = contextIn(region.region);
      const all = await seriesIn(context, policy, region, findings.warnings);
      const backups = backedUp ? backedUp.backups.get(region.region) : undefined;
      queue.push(...all.map((series) => ({ context, series: { ...series, backups } })));
    } catch (error) {
      // Cloud Files may fail in one region only. The other regions are still copied.
      if (!isBucketError(error)) throw error;
      findings.failures.push({
        code: 'COPIES_STOPPED_IN_REGION',
        where: region.region,
        message: error.message,
      });
    }
  }
  await pMap(
    longestWaitingFirst(queue, ledger),
    async ({ context, series }) => {
      const found = await copySeries(context, policy, series, ledger);
      addAll(findings, { ...found, entries: [found.entry] });
    },
    // With a monthly limit, only one series at a time, because the remaining bytes are known only
    // after the previous copy has begun.
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

function addAll(findings: Findings, more: Omit<Findings, 'unreadable'>): void {
  findings.entries.push(...more.entries);
  for (const kind of ['warnings', 'failures', 'once'] as const) findings[kind].push(...more[kind]);
}

/**
 * The series of all regions in the order in which to copy them. The first one has waited the
 * longest since its newest copy, or since its last attempt if that was later. So a series that
 * fails, or needs a whole run, does not block the other series.
 */
function longestWaitingFirst(queue: readonly QueuedSeries[], ledger: Ledger): QueuedSeries[] {
  const sinceMs = ({ series }: QueuedSeries) =>
    Math.max(
      ledger.lastAttempt(attemptKey(series))?.getTime() ?? 0,
      ...series.copies.filter(({ manifest }) => manifest).map(({ slot }) => slot.getTime()),
    );
  const firstMs = ({ series: { snapshots } }: QueuedSeries) =>
    Math.min(...snapshots.map(({ slot }) => slot.getTime()));
  const order = (queued: QueuedSeries) => [sinceMs(queued), firstMs(queued)] as const;
  return queue
    .map((queued) => ({ queued, by: order(queued) }))
    .sort((a, b) => a.by[0] - b.by[0] || (a.by[1] < b.by[1] ? -1 : 1))
    .map(({ queued }) => queued);
}

/**
 * All series of one region that have snapshots, copies or exports. Of a server that the policy no
 * longer selects, only copies and exports count.
 */
async function seriesIn(
  context: CopyContext,
  policy: OffsitePolicy,
  inventory: RegionInventory,
  warnings: Finding[],
): Promise<Series[]> {
  const { store, staging, scope, session } = context;
  const { region } = inventory;
  const prefix = prefixOf(scope, region);
  const copies = copiesOf(scope, await store.list(prefix), await store.uploads(prefix));
  const staged = staging ? copiesOf(scope, [], await staging.uploads(prefix)) : [];
  const unfinished = [...copies.filter(({ manifest }) => !manifest), ...staged];
  const { images, gone } = await withUnlistedImages(session, inventory, unfinished);
  const read = readerOf({ ...inventory, images }, policy, {
    owner: scope.owner,
    projectId: session.projectId,
  });
  const ours = images
    .map((image) => read(image, inventory.volumeSnapshots))
    .filter((s): s is Snapshot => isSnapshot(s) && s.policy === policy.policy)
    // The data of the others are in volume snapshots, which are backed up.
    .filter((s) => s.volumeSnapshots.length === 0 || !makesBackups(session, policy.offsite));
  const isNamable = ({ id, server }: Snapshot) => isKeyId(id) && isKeyId(server);
  for (const { id, server } of ours.filter((one) => !isNamable(one))) {
    warnings.push({ code: 'SERVER_ID_INVALID', region, image: id, server });
  }
  const namable = ours.filter(isNamable);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const homes = new Map(namable.map((one) => [one.id, homeOf(imageOf.get(one.id)!, one, inventory)]));
  warnings.push(...copiedElsewhere(namable, homes, policy, { region, now: context.now }));
  // A snapshot belongs only to the series in its home region. Otherwise it would be copied and
  // counted twice.
  const snapshots = Map.groupBy(
    namable.filter(({ id }) => homes.get(id) === region),
    ({ server }) => server,
  );
  const [copiesBy, stagedBy] = [copies, staged].map((all) => Map.groupBy(all, ({ server }) => server));
  const serverOf = new Map(inventory.servers.map((server) => [server.id, server]));
  const selected = new Set(selectServers(inventory.servers, policy.servers).servers);
  // A server that the listing lacks may be gone: then its last snapshot is all that is left of it.
  const isDeselected = (id: string) => serverOf.has(id) && !selected.has(serverOf.get(id)!);
  const begun = new Set([...copiesBy!.keys(), ...stagedBy!.keys()]);
  const servers = new Set([...[...snapshots.keys()].filter((id) => !isDeselected(id)), ...begun]);
  return [...servers].sort().map((server) => ({
    server,
    name: serverOf.get(server)?.name,
    region,
    isDeselected: isDeselected(server),
    snapshots: snapshots.get(server) ?? [],
    copies: copiesBy!.get(server) ?? [],
    staged: stagedBy!.get(server) ?? [],
    imageOf,
    gone,
  }));
}

/**
 * Findings for servers whose newest snapshot is not copied in this region, because its home is
 * another region or is unknown.
 */
function copiedElsewhere(
  snapshots: readonly Snapshot[],
  homes: ReadonlyMap<string, string | undefined>,
  policy: OffsitePolicy,
  { region, now }: { region: string; now: Date },
): Finding[] {
  return [...Map.groupBy(snapshots, ({ server }) => server)].flatMap(([server, ofServer]): Finding[] => {
    const newest = newestGood(ofServer, now);
    const home = newest && homes.get(newest.id);
    if (!newest || home === region) return [];
    // The policy does not copy snapshots of regions that it does not name, so this needs no
    // warning.
    if (home !== undefined && policy.regions?.includes(home) === false) return [];
    const reason: Reason =
      home === undefined ? { code: 'COPY_REGION_UNKNOWN' } : { code: 'COPY_ELSEWHERE', home };
    return [{ code: 'NOT_COPIED', region, of: serverNameIn(newest) || server, reasons: [reason] }];
  });
}

/** @throws {ValidationError} when the owner or account can't be part of the copies' keys. */
function refuseNames({ owner, account }: CopyScope): void {
  const refused = Object.entries({ owner, account }).filter(([, name]) => !isKeyName(name));
  if (refused.length > 0) {
    throw invalidEvent(
      ...refused.map(([field, name]) => ({
        field,
        text: `"${name}" can't be part of the keys of copies: choose another name`,
      })),
    );
  }
}

function isLeft({ outcome, codes }: SnapshotLine): boolean {
  return outcome === 'deferred' && !codes.includes('MAX_DELETES') && !codes.includes('BACKUP_GOING');
}

function hasOffsite(policy: Policy): policy is OffsitePolicy {
  return policy.offsite !== undefined;
}
