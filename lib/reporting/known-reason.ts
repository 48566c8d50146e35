import * as v from 'valibot';
import type { Reason } from './reasons.ts';
import { sentenceOf, titleOf } from './sentences.ts';

/**
 * A stored reason that this version of the code has a sentence and a title for, with the facts that
 * they need.
 */
export const KnownReason = v.custom<Reason>((input) => {
  try {
    return Boolean(sentenceOf(input as Reason) && titleOf(input as Reason));
  } catch {
    return false;
  }
});
