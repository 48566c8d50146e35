import type { Reason, ReasonCode } from '../reasons.ts';

/** Makes a sentence of a reason; `say` makes one line of reasons among its facts. */
export type Sentence<C extends ReasonCode> = (
  reason: Reason<C>,
  say: (...reasons: Reason[]) => string,
) => string;

/** A sentence for each reason. */
export type Sentences = { [C in ReasonCode]: Sentence<C> };
