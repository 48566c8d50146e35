import type { Reason, ReasonCode } from '../reasons.ts';
import type { Sentence } from './sentence.ts';

/** Makes a sentence of a reason; `say` makes one line of reasons among its facts. */
export type SentenceMaker<C extends ReasonCode> = (
  reason: Reason<C>,
  say: (...reasons: Reason[]) => Sentence,
) => Sentence;

/** The maker of the sentence of each reason. */
export type Sentences = { [C in ReasonCode]: SentenceMaker<C> };
