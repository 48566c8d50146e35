import * as v from 'valibot';
/**
 * The record of a requested export. It is stored beside the future copy, and proves that this
 * deployment requested the export. Without `task` it is unknown whether the request reached the
 * cloud.
 */
export const ExportRecord = v.object({
  since: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
    v.date(),
  ),
  task: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/))),
  /** Whether the cloud has refused the request, so that no export is running. */
  refused: v.optional(v.boolean()),
});

export type ExportRecord = v.InferOutput<typeof ExportRecord>;

/** The key of the export record of the copy with this key. */
export function exportRecordOf(key: string): string {
  return `${key}.export`;
}

/** Parses a record; undefined if it is missing or can't be parsed. */
export function readRecord(text: string | undefined): ExportRecord | undefined {
  try {
    return v.parse(ExportRecord, JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
