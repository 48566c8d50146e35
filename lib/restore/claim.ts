import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import type { RestoreContext } from './context.ts';
import type { RebuildEvent } from './event.ts';
import { refuse } from './refusal.ts';
import { isUnderWay } from './restore-record.ts';

/**
 * Records that this restore works on its server in place. The next restore in place of the server
 * finds it, and makes nothing until this one has ended. A dry run records nothing.
 *
 * If the records can't be read or written, the restore goes on: the safety snapshots and the names
 * of the volumes keep two restores from losing data.
 *
 * @throws {ValidationError} while another restore in place of the server is under way.
 */
export async function claimServer({
  event,
  origin: { id: server, region, name },
  request,
  run,
}: RestoreContext<RebuildEvent>): Promise<void> {
  const other = await claim({ account: event.account, region, server }, request, run, event.dryRun).catch(
    () => undefined,
  );
  if (other) refuse({ code: 'RESTORE_UNDER_WAY', name: name || server, ...other });
}

/** @returns the restore that is under way, if there is another one. */
async function claim(
  server: { account: string; region: string; server: string },
  request: string,
  { restores, leases, now }: Run,
  isDryRun: boolean,
): Promise<Pick<Reason<'RESTORE_UNDER_WAY'>, 'request'> | undefined> {
  const { account, region, server: id } = server;
  const before = await restores?.readClaim(server);
  if (!restores || before === request) return undefined;
  if (await isOpen(before)) return { request: before! };
  if (isDryRun) return undefined;
  // Of two restores that begin at the same moment, one gets the lease.
  const key = `restore/${account}/in-place/${encodeURIComponent(region)}/${id}`;
  const lease = await leases?.take(key, new Date(now.getTime() + CLAIMING_MS), now);
  if (lease && 'heldUntil' in lease) return {};
  try {
    const since = await restores.readClaim(server);
    if (since !== before && since !== request && (await isOpen(since))) return { request: since! };
    await restores.putClaim(server, request);
    return undefined;
  } finally {
    await lease?.release().catch(() => undefined);
  }

  async function isOpen(other: string | undefined): Promise<boolean> {
    const record = other === undefined ? undefined : await restores?.read({ account, request: other });
    return record !== undefined && isUnderWay(record, now);
  }
}

/** How long a killed call keeps others from recording their restore. */
const CLAIMING_MS = 60_000;
