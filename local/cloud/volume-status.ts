import type { CloudVolume, Region } from './state.ts';

/** The header with which cbs.ts marks a request to Cinder v1. */
export const CINDER_V1 = 'x-cinder-v1';

/** The status of a volume. One that a test has set to another status than `available` keeps it. */
export function volumeStatus({ id, status, availableAt }: CloudVolume, region: Region): string {
  if (status !== 'available') return status;
  const attachedTo = region.servers.filter(({ volumeIds }) => volumeIds.includes(id));
  if (attachedTo.some(({ detaching }) => detaching?.[id])) return 'detaching';
  if (attachedTo.length > 0) return 'in-use';
  return region.now() < availableAt ? 'creating' : status;
}
