import type { Sentence } from './sentence.ts';

/** Texts of which many are the same, each once. */
export interface TextIndex {
  /** The index of a text, which is added if it is new. */
  indexOf(text: Sentence): number;
  /** The texts by index. */
  texts(): Sentence[];
}

/** Creates an empty {@link TextIndex}. */
export function textIndex(): TextIndex {
  const known = new Map<Sentence, number>();
  return {
    indexOf(text) {
      const index = known.get(text) ?? known.size;
      known.set(text, index);
      return index;
    },
    texts: () => [...known.keys()],
  };
}
