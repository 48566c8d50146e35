import type { Reason, ReasonCode } from '../reasons.ts';
import type { Sentence } from './sentence.ts';
import type { Words } from './words.ts';

/**
 * Makes a sentence of a reason. `say` makes one line of reasons among its facts, and `words` name
 * the fields of an event.
 */
export type SentenceMaker<C extends ReasonCode> = (
  reason: Reason<C>,
  say: (...reasons: Reason[]) => Sentence,
  words: Words,
) => Sentence;

/** The maker of the sentence of each reason. */
export type Sentences = { [C in ReasonCode]: SentenceMaker<C> };
