import { isoSeconds } from '../config/dates.ts';
import type { Finding } from '../reporting/reasons.ts';
import { type Entry, type SnapshotLine, worst } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { NamedSeries } from './backup-plan.ts';
import type { BackupSource } from './backup-sources.ts';
import type { CopyResult } from './copy-result.ts';
import type { Made } from './make-backups.ts';
import type { BackupResult } from './rotate-backups.ts';

/** The failures for backups that have failed and that no newer backup makes up for. */
export function failedIn(
  { serverName, server, volumeName }: NamedSeries,
  region: string,
  results: readonly BackupResult[],
): Finding[] {
  const isGood = ({ copy }: BackupResult) => copy.state === 'good';
  const newestGoodMs = Math.max(...results.filter(isGood).map(({ copy }) => copy.slot.getTime()));
  return results.flatMap(({ backup, copy, outcome }): Finding[] => {
    const isOpen = copy.state === 'failed' && copy.slot.getTime() > newestGoodMs && outcome !== 'deleted';
    if (!isOpen) return [];
    const of = `${volumeName} of ${serverName || server}`;
    return [{ code: 'BACKUP_FAILED', region, of, backup: backup.id, message: backup.failReason ?? '' }];
  });
}

/** The entry for one volume; undefined if there is nothing to report. */
export function entryOf(
  { server, serverName, volume, volumeName }: NamedSeries,
  {
    region,
    policy,
    source,
    made,
    rotated,
  }: {
    region: string;
    policy: string;
    source: BackupSource | undefined;
    made: Made | undefined;
    rotated: readonly BackupResult[];
  },
): Entry | undefined {
  const lines: SnapshotLine[] = rotated
    .map(({ backup, copy, outcome, reasons }): SnapshotLine => {
      const isStuck = reasons.some(({ code }) => code === 'BACKUP_STUCK');
      const isRunning = reasons.some(({ code }) => code === 'BACKUP_RUNNING');
      const shown = isStuck ? 'failed' : isRunning ? 'copying' : outcome;
      return {
        ...lineOf(copy, { outcome: shown, reasons }),
        image: backup.snapshotId ?? '',
        backup: backup.id,
      };
    })
    .sort((a, b) => (a.slot < b.slot ? 1 : -1));
  if (made && source) {
    const { snapshot } = source;
    lines.unshift({ ...lineOf(snapshot, made), image: snapshot.id, ...(made.id ? { backup: made.id } : {}) });
  }
  if (lines.length === 0) return undefined;
  const outcome = worst(lines.map((line) => line.outcome));
  const name = serverName ?? '';
  return {
    server,
    name,
    volume: { id: volume, name: volumeName },
    region,
    policy,
    outcome,
    snapshots: lines,
  };
}

function lineOf(
  { slot, status, sizeBytes }: Snapshot,
  { outcome, reasons }: CopyResult,
): Omit<SnapshotLine, 'image'> {
  return {
    slot: isoSeconds(slot),
    status,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    outcome,
    ...reported(reasons),
  };
}
