import type { Reason, ReasonCode } from '../reasons.ts';

/** Makes one line of reasons that are facts of another. */
export type Say = (...reasons: Reason[]) => string;

/** Makes the sentence of each reason. */
export type Sentences = { [C in ReasonCode]: (reason: Reason<C>, say: Say) => string };
