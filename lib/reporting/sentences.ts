import { printable, printableIn, withoutStop } from '../openstack/printable.ts';
import type { Finding, Reason, ReasonCode } from './reasons.ts';
import { auditSentences } from './sentences/audit.ts';
import { deletionSentences } from './sentences/deletion.ts';
import { doctorRemedies, doctorSentences } from './sentences/doctor.ts';
import { drillSentences } from './sentences/drill.ts';
import { incidentSentences, incidentTitles } from './sentences/incident.ts';
import type { SentenceMaker, Sentences } from './sentences/makers.ts';
import { offsiteSentences } from './sentences/offsite.ts';
import { ownershipSentences } from './sentences/ownership.ts';
import { refusalSentences } from './sentences/refusal.ts';
import { restoreSentences } from './sentences/restore.ts';
import { retentionSentences } from './sentences/retention.ts';
import { runSentences } from './sentences/run.ts';
import type { Sentence } from './sentences/sentence.ts';
import { snapshotSentences } from './sentences/snapshot.ts';
import { EVENT_WORDS, type Words } from './sentences/words.ts';

/**
 * The sentence of each reason code. The files in sentences/ have these, each those of one domain,
 * and the sentences of the headline, the digest, the e-mails, the page, plans, diagnoses and
 * restorations. Other files have no sentences, except for the problems of an input, the errors of
 * adapters, and the labels of the page: see "Codes and sentences" in CONTRIBUTING.md.
 */
const SENTENCES: Sentences = {
  ...snapshotSentences,
  ...retentionSentences,
  ...deletionSentences,
  ...ownershipSentences,
  ...drillSentences,
  ...offsiteSentences,
  ...runSentences,
  ...refusalSentences,
  ...doctorSentences,
  ...restoreSentences,
  ...auditSentences,
  ...incidentSentences,
};

const REMEDIES: Partial<Sentences> = doctorRemedies;
const TITLES: Partial<Sentences> = incidentTitles;

/** All codes. */
export const REASON_CODES = Object.keys(SENTENCES) as ReasonCode[];

/** The sentence of a reason, in the words of events. */
export function sentenceOf<C extends ReasonCode>(reason: Reason<C>): Sentence {
  return sentenceIn(EVENT_WORDS, reason);
}

/** The sentence of a reason, in the words of those who read it. */
export function sentenceIn<C extends ReasonCode>(words: Words, reason: Reason<C>): Sentence {
  return printableSentence(SENTENCES[reason.code] as SentenceMaker<C>, reason, words);
}

/**
 * Facts such as a server's name come from the cloud and may not be printable. The facts are copied
 * only if they are not.
 */
function printableSentence<C extends ReasonCode>(
  make: SentenceMaker<C>,
  reason: Reason<C>,
  words = EVENT_WORDS,
): Sentence {
  const facts = withoutStopIn(reason);
  const say = (...reasons: Reason[]) => reasons.map((one) => sentenceIn(words, one)).join('; ');
  const sentence = make(facts, say, words);
  return printable(sentence) === sentence ? sentence : make(printableIn(facts), say, words);
}

/** A reason whose message has no full stop, because the sentence may continue after the message. */
function withoutStopIn<R extends object>(reason: R): R {
  const { message: text } = reason as { message?: unknown };
  return typeof text === 'string' ? { ...reason, message: withoutStop(text) } : reason;
}

/**
 * The remedy for a reason as a sentence; undefined if there is nothing to do, or if the sentence of
 * the reason contains the remedy.
 */
export function remedyOf<C extends ReasonCode>(reason: Reason<C>): Sentence | undefined {
  const remedy = REMEDIES[reason.code] as SentenceMaker<C> | undefined;
  return (remedy && printableSentence(remedy, reason)) || undefined;
}

/** A reason in a few words, for the subject of an e-mail: its sentence if it has no such title. */
export function titleOf<C extends ReasonCode>(reason: Reason<C>): Sentence {
  const title = TITLES[reason.code] as SentenceMaker<C> | undefined;
  return title ? printableSentence(title, reason) : sentenceOf(reason);
}

/** The sentences of several reasons, in one line. */
export function sentencesOf(reasons: readonly Reason[]): Sentence {
  return reasons.map(sentenceOf).join('; ');
}

/** The sentence of a finding, with its region and its account. */
export function findingText(finding: Finding): Sentence {
  return findingIn(EVENT_WORDS, finding);
}

/** {@link findingText} in other words; see {@link sentenceIn}. */
export function findingIn(words: Words, { region, ofAccount, ...reason }: Finding): Sentence {
  const sentence = sentenceIn(words, reason as Reason);
  const account = ofAccount === undefined || region === undefined ? ofAccount : `(${ofAccount})`;
  const place = [region, account].filter((part) => part !== undefined).join(' ');
  return place ? `${place}: ${sentence}` : sentence;
}

/**
 * The reasons of an entry of a report: the code of the first reason, to filter by, and the
 * sentences of all.
 */
export function reasonOf(
  first: Reason,
  ...more: Reason[]
): { code: ReasonCode; error?: string; reason: Sentence } {
  return { code: first.code, ...errorIn([first]), reason: sentencesOf([first, ...more]) };
}

/** The reasons of a report: the codes, to filter by, and the sentences. */
export function reported(reasons: readonly Reason[]): {
  codes: ReasonCode[];
  error?: string;
  reasons: Sentence[];
} {
  return { codes: reasons.map(({ code }) => code), ...errorIn(reasons), reasons: reasons.map(sentenceOf) };
}

/** The code of the cloud's error, if the cloud's error is one of the reasons. */
function errorIn(reasons: readonly Reason[]): { error?: string } {
  const cloud = reasons.find((reason) => reason.code === 'CLOUD');
  return cloud ? { error: cloud.error } : {};
}
