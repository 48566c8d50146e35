import type { CloudServer } from './model.ts';

/** How long the cloud takes to detach a volume, unless a test says otherwise. */
const DETACH_MS = 2_000;

/** Begins to detach a volume of a server. */
export function beginDetachment(
  server: CloudServer,
  volume: string,
  { now, detachMs = DETACH_MS }: { now: Date; detachMs?: number | undefined },
): void {
  server.detaching = { ...server.detaching, [volume]: new Date(now.getTime() + detachMs) };
}

/** Takes the volumes whose detachment has ended off their servers. */
export function endDetachments(servers: readonly CloudServer[], now: Date): void {
  for (const server of servers) {
    for (const [volume, endsAt] of Object.entries(server.detaching ?? {})) {
      if (now < endsAt) continue;
      const at = server.volumeIds.indexOf(volume);
      if (at >= 0) server.volumeIds.splice(at, 1);
      delete server.detaching?.[volume];
      delete server.devices?.[volume];
    }
  }
}
