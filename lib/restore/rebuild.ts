import { blueprintText } from '../blueprint.ts';
import { isoSeconds } from '../dates.ts';
import { markerOf } from '../marker.ts';
import { rootVolumeOf } from '../openstack/attachments.ts';
import { createImage } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { getImage, type Image, listImages } from '../openstack/images.ts';
import { getServer, rebuildServer, type ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { Refusal } from '../refusal.ts';
import { imageName } from '../snapshot.ts';
import { answer, beginningOf, type Case, choose, cloudTime, eventToDo, eventToGoOn } from './case.ts';
import { type Choice, chosenById } from './choice.ts';
import type { RebuildEvent } from './event.ts';
import { planInPlace, type Step } from './in-place.ts';
import { carries, RESTORED_KEY, readSafetyMark, restoredMark, SAFETY_LABEL, safetyMark } from './marks.ts';
import type { Restoration, State } from './restoration.ts';
import { isOld, type Judgement, judge, type Safety } from './safety.ts';
import { type Remedies, send } from './sending.ts';

/** After so many, the server can't be restored in place: its disk takes too long, or the calls come too late. */
const MOST_SAFETIES = 3;

const REMEDIES: Remedies = {
  CONFLICT:
    'if it is busy, try again when it is not; if it is locked, unlock it (openstack server unlock); or use "to": "new"',
  BAD_REQUEST: 'give another "at", or use "to": "new"',
};

/** An in-place restore that has not come to its rebuild yet. */
interface InPlace extends Case<RebuildEvent> {
  /** Of this request, the newest first. */
  safeties: readonly Safety[];
  /** Those that are gone. */
  missing: readonly string[];
}

/** One server, and the image for its disk. */
interface Work extends InPlace {
  server: ServerDetail;
  image: Image;
}

/**
 * The next step of an in-place restore: a safety snapshot, or the rebuild. The disk is replaced only while a safety
 * snapshot of this request, begun less than an hour ago, is good; else another one is taken, three at most.
 */
export async function rebuild(session: Session, its: InPlace): Promise<Restoration> {
  const { event, origin, safeties } = its;
  const server = origin.server && (await getServer(session, origin.region, origin.id));
  if (!server) refuse(`server: ${origin.name || origin.id} is gone: use "to": "new"`);
  const now = cloudTime(session);
  const judged = safeties.map((safety) => ({ safety, judgement: judge(safety, server, now) }));
  const good = judged.find(({ judgement }) => judgement === 'good')?.safety;
  const pending = judged.find(({ judgement }) => judgement === 'pending')?.safety;
  const hasFailed = judged[0]?.judgement === 'failed';
  const step: Step = good ? 'rebuild' : pending || hasFailed ? 'wait' : 'take';

  const { image, lines: why } = safeties[0]
    ? await chosenEarlier(session, its, safeties[0])
    : await choose(session, its);
  const [flavors, rootVolume] = await Promise.all([
    listFlavors(session, origin.region),
    rootVolumeOf(session, server),
  ]);
  const plan = planInPlace(event, server, image, { flavors, rootVolume, step });
  const work = { ...its, server, image };
  if (event.dryRun) {
    return answer(its, image.id, {
      state: 'planned',
      lines: [...why, ...plan],
      next: eventToDo(its, image.id),
    });
  }
  if (good) return replaceDisk(session, work, good);
  if (pending) return waitFor(work, pending, now);
  if (hasFailed) return hasComeToNothing(work, safeties[0]!);
  return takeSafety(session, work, [...why, ...whyAnother(its, judged), ...plan]);
}

/** The image that was chosen when the first safety snapshot was asked for: by now another one may be the latest. */
async function chosenEarlier(
  session: Session,
  { stock, origin, run }: Case,
  { mark }: Safety,
): Promise<Choice> {
  const image = await getImage(session, origin.region, mark.image);
  if (!image) {
    refuse(
      `at: image ${mark.image} has been deleted since: begin anew, without "request"; ${origin.name} is as it was`,
    );
  }
  const { projectId } = session;
  return chosenById(stock, origin, mark.image, image, { projectId, now: run.now });
}

/** Why a further safety snapshot is taken, a line each; none for the first. */
function whyAnother(
  { safeties, missing, origin }: InPlace,
  judged: readonly { safety: Safety; judgement: Judgement }[],
): string[] {
  const lines = [
    ...judged.map(({ safety: { snapshot }, judgement }) =>
      judgement === 'overtaken'
        ? `the safety snapshot ${snapshot.id} is of no use: ${origin.name} has been rebuilt since`
        : `the safety snapshot ${snapshot.id} was begun at ${isoSeconds(snapshot.createdAt)}, an hour ago or more: what was written since would be lost`,
    ),
    ...missing.map((id) => `the safety snapshot ${id} is gone: it failed, or somebody deleted it`),
  ];
  const taken = safeties.length + missing.length;
  if (taken >= MOST_SAFETIES) {
    refuse(
      [
        `to: ${taken} safety snapshots were taken, and none was good within an hour, when a call came: ${origin.name} is as it was: use "to": "new", or begin anew, without "request", and call more often`,
        ...lines,
      ].join('; '),
    );
  }
  return taken === 0
    ? []
    : [...lines, `so another one is taken: number ${taken + 1} of at most ${MOST_SAFETIES}`];
}

async function takeSafety(session: Session, work: Work, lines: string[]): Promise<Restoration> {
  const { server, image, request, run, origin } = work;
  // By the cloud's clock, as the moment of its creation is compared with it.
  const slot = cloudTime(session);
  const blueprint = blueprintText(server);
  const marker = markerOf({
    owner: run.owner,
    server: server.id,
    slot,
    expires: undefined,
    request,
    blueprint,
  });
  const mark = safetyMark({ request, image: image.id, disk: server.imageId ?? '' });
  const name = imageName(server, SAFETY_LABEL, slot);
  const look = async () =>
    (await listImages(session, origin.region, name)).find(
      (candidate) => candidate.name === name && readSafetyMark(candidate)?.request === request,
    )?.id;
  const sent = await send(
    async () =>
      (await createImage(session, server, { name, metadata: { ...marker, ...mark } })) ?? (await look()),
    look,
    REMEDIES,
  );
  if ('unsure' in sent) {
    const again = 'call again with "next", which looks first';
    return say(work, 'failed', [`${sent.unsure}: ${again}`]);
  }
  const asked = `the safety snapshot is asked for: ${name}; call again within an hour, and again until it is good`;
  return say(work, 'waiting', [...lines, asked], sent.done);
}

function waitFor(work: Work, { snapshot }: Safety, now: Date): Restoration {
  const late = isOld(snapshot, now)
    ? [
        `it was begun at ${isoSeconds(snapshot.createdAt)}, an hour ago or more, so when it is good, another one will be taken, ${MOST_SAFETIES} at most: if this server always takes so long, use "to": "new"`,
      ]
    : [];
  return say(
    work,
    'waiting',
    [`the safety snapshot ${snapshot.id} is still ${snapshot.status}: call again in a while`, ...late],
    snapshot.id,
  );
}

function hasComeToNothing(work: Work, { snapshot }: Safety): Restoration {
  const { request: _, ...anew } = eventToDo(work, work.image.id);
  return say(
    work,
    'failed',
    [
      `the safety snapshot ${snapshot.id} has failed (${snapshot.status}), so ${work.server.name} is left as it was`,
      'begin anew, without "request"',
    ],
    snapshot.id,
    anew,
  );
}

async function replaceDisk(session: Session, work: Work, safety: Safety): Promise<Restoration> {
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
      return now && carries(now, request) ? true : undefined;
    },
    REMEDIES,
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
  if (carries(server, request)) return `another call is rebuilding ${server.name} already`;
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

const safetiesOf = ({ safeties, missing }: InPlace): string[] => [
  ...safeties.map(({ snapshot }) => snapshot.id),
  ...missing,
];

/** An answer before the rebuild; `safety` is the one that counts. */
function say(
  work: Work,
  state: State,
  lines: string[],
  safety?: string,
  next: object = eventToGoOn(work, work.image.id, {
    safeties: [...new Set([...(safety ? [safety] : []), ...safetiesOf(work)])],
  }),
): Restoration {
  return answer(work, work.image.id, { state, lines, ...(safety ? { safety } : {}), next });
}

function refuse(problem: string): never {
  throw new Refusal('The restore is refused', [problem]);
}
