import { isoSeconds } from '../config/dates.ts';
import { Refusal } from '../config/validation-error.ts';
import { rootVolumeOf } from '../openstack/attachments.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { getImage } from '../openstack/images.ts';
import { getServer } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { type Choice, chosenById } from './choice.ts';
import { answer, type Case, choose, eventToDo } from './context.ts';
import { planInPlace, type Step } from './in-place.ts';
import { type InPlace, say, type Work } from './in-place-case.ts';
import { replaceDisk } from './replace-disk.ts';
import type { Restoration } from './restoration.ts';
import { isOld, type Judgement, judge, type Safety } from './safety.ts';
import { takeSafety } from './take-safety.ts';

/** After so many, the server can't be restored in place: its disk takes too long, or the calls come too late. */
const MOST_SAFETIES = 3;

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

function refuse(problem: string): never {
  throw new Refusal('The restore is refused', [problem]);
}
