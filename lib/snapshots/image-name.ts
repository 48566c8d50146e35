import type { Server } from '../openstack/compute.ts';
import { nameEnding, serverNameIn } from './marker.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The maximum length of an image name: Nova limits names to 255 characters, and prepends "snapshot
 * for " to name volume snapshots.
 */
const LONGEST_NAME = 242;

/** The name of a snapshot: starts with the name of the server, ends with {@link nameEnding}. */
export function imageName(server: Pick<Server, 'id' | 'name'>, policy: string, slot: Date): string {
  const suffix = nameEnding(policy, slot);
  const printable = server.name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').trim() || server.id;
  return printable.slice(0, LONGEST_NAME - suffix.length).toWellFormed() + suffix;
}

/**
 * The name of the server when the snapshot was taken; undefined if {@link imageName} may have
 * truncated it.
 */
export function fullServerNameIn(snapshot: Snapshot): string | undefined {
  return snapshot.name.length < LONGEST_NAME ? serverNameIn(snapshot) : undefined;
}
