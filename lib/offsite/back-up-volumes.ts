import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { unionById } from '../openstack/union-by-id.ts';
import { listVolumeBackups, type VolumeBackup } from '../openstack/volume-backups.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Entry } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { type BackupAction, type NamedSeries, retainBackups } from './backup-plan.ts';
import { entryOf, failedIn } from './backup-report.ts';
import { type BackupSource, backupSources } from './backup-sources.ts';
import { type BackupReader, backupReaderOf, makesBackups } from './backups.ts';
import { isBucketError } from './bucket-error.ts';
import { BackupMaker } from './make-backups.ts';
import type { OffsitePolicy } from './plan.ts';
import {
  planWhole,
  type RetainedSeries,
  serversWithDeletions,
  withoutDeleted,
} from './plan-whole-backups.ts';
import { type BackupResult, rotateBackups, vanishedBackups } from './rotate-backups.ts';
import { type BackupsOfRegion, type CopyPlace, copiesOfServers, setStaysOf } from './whole-copies.ts';

/** The entries of a run for volumes, and what is wrong. */
export interface BackupFindings {
  entries: Entry[];
  warnings: Finding[];
  failures: Finding[];
  /** Findings that are reported once, not in every report. */
  once: Finding[];
  /** The backups of each region as they are after the run, for the sets of the copies of images. */
  backups: Map<string, BackupsOfRegion>;
}

/**
 * Makes Cinder backups of the newest volume snapshots of a policy, and deletes the backups that
 * `offsite.keep` no longer keeps. No run waits for a backup: a later run sees how it has ended.
 *
 * @param regions the regions of the policy that could be listed.
 * @param place the S3 bucket with the copies of images, which are read for the servers of which
 *   backups are to be deleted.
 */
export async function backUpVolumes(
  session: Session,
  policy: OffsitePolicy,
  regions: readonly RegionInventory[],
  run: Run,
  place: CopyPlace | undefined,
): Promise<BackupFindings> {
  const backups: BackupFindings['backups'] = new Map();
  const findings: BackupFindings = { entries: [], warnings: [], failures: [], once: [], backups };
  if (!place || !makesBackups(session, policy.offsite)) {
    findings.once.push({ code: 'BACKUPS_NOT_NEEDED' });
    return findings;
  }
  const seen = new Set<string>();
  for (const inventory of regions) {
    const { region, volumesUnread } = inventory;
    if (session.missingEndpoint('volume', region)) continue;
    if (volumesUnread) {
      findings.failures.push({ code: 'BACKUPS_UNREADABLE', where: region, problem: volumesUnread });
      backups.set(region, { problem: volumesUnread });
      continue;
    }
    const elsewhere = new Set(
      regions.filter((one) => one !== inventory).flatMap(({ volumes }) => volumes.map(({ id }) => id)),
    );
    try {
      // Regions that share a volume service list the same backups.
      const list = async () =>
        (await listVolumeBackups(session, region)).filter(
          ({ id, volumeId }) => !seen.has(id) && !elsewhere.has(volumeId),
        );
      const all = await backUpRegion(session, policy, { inventory, list, elsewhere, run, findings, place });
      for (const { id } of all) seen.add(id);
    } catch (error) {
      if (!isBucketError(error) && !isCloudError(error)) throw error;
      findings.failures.push(
        isBucketError(error)
          ? { code: 'COPIES_STOPPED_IN_REGION', where: region, message: error.message }
          : failureOf(error, region),
      );
      backups.set(region, { problem: reasonFor(error) });
    }
  }
  return findings;
}

function failureOf(error: CloudError, where: string): Finding {
  return error.code === 'NOT_FOUND'
    ? { code: 'BACKUP_SERVICE_MISSING', where }
    : { code: 'BACKUPS_UNREADABLE', where, problem: { code: 'CLOUD', ...errorFactsOf(error) } };
}

/** @returns all backups of the region. */
async function backUpRegion(
  session: Session,
  policy: OffsitePolicy,
  {
    inventory,
    list,
    elsewhere,
    run,
    findings,
    place,
  }: {
    inventory: RegionInventory;
    list: () => Promise<VolumeBackup[]>;
    elsewhere: ReadonlySet<string>;
    run: Run;
    findings: BackupFindings;
    place: CopyPlace;
  },
): Promise<VolumeBackup[]> {
  const { region } = inventory;
  const { now } = run;
  const readVolume = volumeReaderOf({ owner: run.owner, policies: [...(run.policies ?? []), policy] });
  const read = backupReaderOf(readVolume);
  const reader = readerOf(inventory, policy, { ...run, projectId: session.projectId });
  const sources = backupSources(inventory, {
    ...{ owner: run.owner, policy: policy.policy, read: reader, readVolume },
  }).filter(({ snapshot }) => !elsewhere.has(snapshot.volume));
  const retained = (all: readonly VolumeBackup[]): RetainedSeries[] =>
    seriesIn(inventory, policy, { sources, all, read }).map((series) => ({
      series,
      decisions: retainBackups(series, policy, now),
    }));
  let all = await list();
  let found = retained(all);
  if (serversWithDeletions(found).size > 0) {
    // What one listing lacks is no part of its set, so that other parts would be deleted.
    all = unionById(all, await list());
    found = retained(all);
  }
  for (const backup of all) {
    const one = read(backup);
    if (one && !isSnapshot(one)) {
      findings.warnings.push({ code: 'COPY_NOT_COUNTED', region, problem: one.problem });
    }
  }
  const ofServers = { region, servers: serversWithDeletions(found), now };
  const names = new Map(inventory.servers.map(({ id, name }) => [id, name]));
  const { problem, ...copies } = await readableCopies(place, policy, { ...ofServers, names });
  const { series: whole, plans } = planWhole(found, copies.series, { policy, region, now });
  const looking = { session, readBackup: read, place, copies: copies.copies };
  const setStays = setStaysOf(whole, { policy: policy.policy, now }, looking);
  const maker = new BackupMaker(session, policy, { region, read, all, now });
  const results: BackupResult[] = [];
  const { floor, maxDeletes, dryRun } = { floor: policy.offsite.keep.atLeast, ...policy };
  for (const { series, plan } of plans) {
    const made = await maker.make(plan.make);
    const rotation = { session, read, now, dryRun, maxDeletes, floor, setStays };
    const rotated = await rotateBackups(
      rotation,
      withoutDoubts(plan.actions, inventory.doubts[0] ?? problem),
    );
    results.push(...rotated);
    const entry = entryOf(series, {
      region,
      policy: policy.policy,
      source: plan.make?.source,
      made,
      rotated,
    });
    if (entry) findings.entries.push(entry);
    findings.failures.push(...failedIn(series, region, rotated));
  }
  findings.backups.set(region, { series: withoutDeleted(whole, results), read });
  if (results.every(({ outcome }) => outcome !== 'deleted')) return all;
  for (const { backup, copy } of await vanishedBackups(session, region, results)) {
    findings.failures.push({ code: 'COPY_LOST', region, key: backup.id, of: serverNameIn(copy) });
  }
  return all;
}

/** The copies of servers as {@link copiesOfServers} reads them; none if the store can't be read. */
async function readableCopies(
  place: CopyPlace,
  policy: OffsitePolicy,
  options: Parameters<typeof copiesOfServers>[2],
): Promise<Awaited<ReturnType<typeof copiesOfServers>> & { problem?: Reason }> {
  const none = { copies: [], series: [] };
  if (options.servers.size === 0) return none;
  try {
    return await copiesOfServers(place, policy, options);
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return { ...none, problem: reasonFor(error) };
  }
}

/** Nothing is deleted where it is unknown whether a server, a snapshot or a copy exists. */
function withoutDoubts(
  actions: readonly BackupAction[],
  problem: Reason | undefined,
): readonly BackupAction[] {
  if (!problem) return actions;
  return actions.map((one) =>
    one.action === 'delete'
      ? { ...one, action: 'keep', reasons: [{ code: 'SERVER_DOUBTFUL', problem }] }
      : one,
  );
}

/** The series of a region: of each volume that has snapshots or backups of the policy. */
function seriesIn(
  { servers, volumes }: RegionInventory,
  policy: OffsitePolicy,
  {
    sources,
    all,
    read,
  }: { sources: readonly BackupSource[]; all: readonly VolumeBackup[]; read: BackupReader },
): NamedSeries[] {
  const sourcesOf = Map.groupBy(sources, ({ snapshot }) => snapshot.volume);
  const backupsOf = Map.groupBy(all, ({ volumeId }) => volumeId);
  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const selected = new Set(selectServers(servers, policy.servers).servers);
  return [...new Set([...sourcesOf.keys(), ...backupsOf.keys()])].sort().flatMap((volume) => {
    const ofVolume = backupsOf.get(volume) ?? [];
    const own = ofVolume.flatMap((backup) => {
      const copy = read(backup);
      return isSnapshot(copy) && copy.policy === policy.policy ? [{ backup, copy }] : [];
    });
    const its = sourcesOf.get(volume) ?? [];
    const snapshots = [...its.map(({ snapshot }) => snapshot), ...own.map(({ copy }) => copy)];
    const newest = snapshots.toSorted((a, b) => b.slot.getTime() - a.slot.getTime())[0];
    if (!newest) return [];
    const attachments = volumeOf.get(volume)?.attachments ?? [];
    const attached = servers.filter(
      ({ id, volumeIds }) =>
        volumeIds.includes(volume) || attachments.some(({ serverId }) => serverId === id),
    );
    // The policy may select only one of several servers of a volume.
    const server = attached.find((one) => selected.has(one)) ?? attached[0] ?? serverOf.get(newest.server);
    return {
      ...{ volume, sources: its, own, all: ofVolume },
      isDeselected: server !== undefined && !selected.has(server),
      isAttached: attached.length > 0,
      server: server?.id ?? newest.server,
      serverName: server?.name,
      volumeName: volumeOf.get(volume)?.name || serverNameIn(newest),
    };
  });
}
