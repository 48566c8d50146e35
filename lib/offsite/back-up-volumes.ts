import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeBackups, type VolumeBackup } from '../openstack/volume-backups.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Entry } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { isSnapshot, serverNameIn } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { type BackupAction, planBackups } from './backup-plan.ts';
import { entryOf, failedIn, type NamedSeries } from './backup-report.ts';
import { type BackupSource, backupSources } from './backup-sources.ts';
import { type BackupReader, backupReaderOf, makesBackups } from './backups.ts';
import { BackupMaker } from './make-backups.ts';
import type { OffsitePolicy } from './plan.ts';
import { type BackupResult, rotateBackups, vanishedBackups } from './rotate-backups.ts';

/** The entries of a run for volumes, and what is wrong. */
export interface BackupFindings {
  entries: Entry[];
  warnings: Finding[];
  failures: Finding[];
  /** Findings that are reported once, not in every report. */
  once: Finding[];
}

/**
 * Makes Cinder backups of the newest volume snapshots of a policy, and deletes the backups that
 * `offsite.keep` no longer keeps. No run waits for a backup: a later run sees how it has ended.
 *
 * @param regions the regions of the policy that could be listed.
 */
export async function backUpVolumes(
  session: Session,
  policy: OffsitePolicy,
  regions: readonly RegionInventory[],
  run: Run,
): Promise<BackupFindings> {
  const findings: BackupFindings = { entries: [], warnings: [], failures: [], once: [] };
  if (!makesBackups(session, policy.offsite)) {
    findings.once.push({ code: 'BACKUPS_NOT_NEEDED' });
    return findings;
  }
  const seen = new Set<string>();
  for (const inventory of regions) {
    const { region, volumesUnread } = inventory;
    if (session.missingEndpoint('volume', region)) continue;
    if (volumesUnread) {
      findings.failures.push({ code: 'BACKUPS_UNREADABLE', where: region, problem: volumesUnread });
      continue;
    }
    const elsewhere = new Set(
      regions.filter((one) => one !== inventory).flatMap(({ volumes }) => volumes.map(({ id }) => id)),
    );
    try {
      // Regions that share a volume service list the same backups.
      const all = (await listVolumeBackups(session, region)).filter(
        ({ id, volumeId }) => !seen.has(id) && !elsewhere.has(volumeId),
      );
      for (const { id } of all) seen.add(id);
      await backUpRegion(session, policy, { inventory, all, elsewhere, run, findings });
    } catch (error) {
      if (!isCloudError(error)) throw error;
      findings.failures.push(failureOf(error, region));
    }
  }
  return findings;
}

function failureOf(error: CloudError, where: string): Finding {
  return error.code === 'NOT_FOUND'
    ? { code: 'BACKUP_SERVICE_MISSING', where }
    : { code: 'BACKUPS_UNREADABLE', where, problem: { code: 'CLOUD', ...errorFactsOf(error) } };
}

async function backUpRegion(
  session: Session,
  policy: OffsitePolicy,
  {
    inventory,
    all,
    elsewhere,
    run,
    findings,
  }: {
    inventory: RegionInventory;
    all: readonly VolumeBackup[];
    elsewhere: ReadonlySet<string>;
    run: Run;
    findings: BackupFindings;
  },
): Promise<void> {
  const { region } = inventory;
  const { now } = run;
  const readVolume = volumeReaderOf({ owner: run.owner, policies: [...(run.policies ?? []), policy] });
  const read = backupReaderOf(readVolume);
  const reader = readerOf(inventory, policy, { ...run, projectId: session.projectId });
  const sources = backupSources(inventory, {
    ...{ owner: run.owner, policy: policy.policy, read: reader, readVolume },
  }).filter(({ snapshot }) => !elsewhere.has(snapshot.volume));
  for (const backup of all) {
    const found = read(backup);
    if (found && !isSnapshot(found)) {
      findings.warnings.push({ code: 'COPY_NOT_COUNTED', region, problem: found.problem });
    }
  }
  const maker = new BackupMaker(session, policy, { region, read, all, now });
  const results: BackupResult[] = [];
  const { floor, maxDeletes, dryRun } = { floor: policy.offsite.keep.atLeast, ...policy };
  for (const series of seriesIn(inventory, policy, { sources, all, read })) {
    const plan = planBackups(series, policy, now);
    const made = await maker.make(plan.make);
    const rotation = { session, read, now, dryRun, maxDeletes, floor };
    const rotated = await rotateBackups(rotation, withoutDoubts(plan.actions, inventory));
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
  if (results.every(({ outcome }) => outcome !== 'deleted')) return;
  for (const { backup, copy } of await vanishedBackups(session, region, results)) {
    findings.failures.push({ code: 'COPY_LOST', region, key: backup.id, of: serverNameIn(copy) });
  }
}

/** Nothing is deleted in a region where it is unknown whether a server or a snapshot exists. */
function withoutDoubts(
  actions: readonly BackupAction[],
  { doubts: [problem] }: RegionInventory,
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
    const attachedTo =
      volumeOf.get(volume)?.attachments.find(({ serverId }) => serverOf.has(serverId))?.serverId ??
      servers.find(({ volumeIds }) => volumeIds.includes(volume))?.id;
    const server = serverOf.get(attachedTo ?? newest.server);
    return {
      ...{ volume, sources: its, own, all: ofVolume },
      isDeselected: server !== undefined && !selected.has(server),
      isAttached: attachedTo !== undefined,
      server: server?.id ?? newest.server,
      serverName: server?.name,
      volumeName: volumeOf.get(volume)?.name || serverNameIn(newest),
    };
  });
}
