import type { Server } from '../openstack/compute.ts';
import type { RegionPlan, SeriesPlan } from './cleanup-plan.ts';

/**
 * A plan whose series have the names of their servers; empty if none is known. The snapshots of a
 * volume have the name of the volume, so the name of a server that is not listed comes from its
 * images.
 *
 * @param servers the listed servers of the region.
 */
export function withServerNames<P extends Pick<RegionPlan, 'series'>>(
  plan: P,
  servers: readonly Pick<Server, 'id'>[],
): P {
  const listed = new Set(servers.map(({ id }) => id));
  const ofImages = new Map(
    plan.series.flatMap((one) => (one.volume ? [] : [[one.server, one.name] as const])),
  );
  const nameOf = ({ server, volume, name }: SeriesPlan) =>
    volume && !listed.has(server) ? (ofImages.get(server) ?? '') : name;
  return { ...plan, series: plan.series.map((one) => ({ ...one, name: nameOf(one) })) };
}
