/**
 * A text for people that lib/reporting/sentences has made. Its type is that of a string, for
 * output; the mark shows where it goes, so that a test finds code that would decide by what it says.
 * No text has the property, and any string may be used as a sentence.
 */
export type Sentence = string & { readonly isSentence?: true };
