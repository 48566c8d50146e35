/**
 * A text for people, which lib/reporting/sentences has made. It is a string, for output; the mark
 * in its type shows where it goes, so that a test finds code that would decide by what it says. No
 * text has the property, and any string may be used as a sentence.
 */
export type Sentence = string & { readonly isSentence?: true };
