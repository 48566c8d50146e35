import { getImage, type Image } from '../openstack/images.ts';
import { getServer, rebuildServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { answer, beginningOf, eventToGoOn } from './context.ts';
import { IN_PLACE_REMEDIES, safetiesOf, say, type Work } from './in-place-case.ts';
import { isRebuiltBy, RESTORED_KEY, readSafetyMark, restoredMark } from './marks.ts';
import type { Restoration } from './restoration.ts';
import { judge, type Safety } from './safety.ts';
import { send } from './send.ts';

/** Looks once more at the safety snapshot and the server, and has the disk replaced. */
export async function replaceDisk(session: Session, work: Work, safety: Safety): Promise<Restoration> {
  const { image, event, request, origin } = work;
  const { id } = safety.snapshot;
  const [current, server] = await Promise.all([
    getImage(session, origin.region, id),
    getServer(session, origin.region, origin.id),
  ]);
  const wrong = whyNotNow(session, work, current, server);
  if (wrong || !server) {
    return say(work, 'waiting', [`${wrong}: call again in a while`], id);
  }
  const mark = restoredMark(beginningOf(work, image.id), cloudTime(session));
  const sent = await send(
    async () => {
      const metadata = { ...server.metadata, [RESTORED_KEY]: mark };
      await rebuildServer(session, server, { image: image.id, metadata });
      return true;
    },
    async () => {
      const now = await getServer(session, server.region, server.id);
      return now && isRebuiltBy(now, request) ? true : undefined;
    },
    IN_PLACE_REMEDIES,
  );
  if ('unsure' in sent) {
    return say(work, 'failed', [`${sent.unsure}: call again with "next", which looks first`], id);
  }
  const back = { server: server.id, to: 'in-place', at: id, confirm: event.confirm };
  return answer(work, image.id, {
    state: 'building',
    restored: server.id,
    safety: id,
    lines: [
      `the safety snapshot ${id} is good`,
      `${server.name} is being rebuilt from image ${image.name} (${image.id})`,
      `to go back: ${JSON.stringify(back)}`,
    ],
    next: eventToGoOn(work, image.id, { restored: server.id, safeties: safetiesOf(work) }),
  });
}

/** The last look, right before the disk is replaced: why that is not to be, undefined when it is. */
function whyNotNow(
  session: Session,
  { event, origin, request, image, stock }: Work,
  current: Image | undefined,
  server: ServerDetail | undefined,
): string | undefined {
  if (!server) return `${origin.name} is gone`;
  if (isRebuiltBy(server, request)) return `another call is rebuilding ${server.name} already`;
  if (server.name !== event.confirm) return `${origin.name} has been renamed to ${server.name}`;
  if (server.taskState !== null) return `${server.name} is busy (${server.taskState})`;
  const mark = current && readSafetyMark(current);
  const snapshot = current && stock.read(current);
  if (!mark || !snapshot) return 'the safety snapshot is gone, or is not ours any more';
  const isIts = mark.request === request && mark.image === image.id && snapshot.server === server.id;
  if (!isIts) return 'the safety snapshot is of another restore';
  const judgement = judge({ snapshot, mark }, server, cloudTime(session));
  return judgement === 'good' ? undefined : `the safety snapshot is ${judgement} by now`;
}
