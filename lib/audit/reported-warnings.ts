import { type Finding, type Reason, unique } from '../reporting/reasons.ts';

/**
 * The warnings that the lines of the troubles do not report already, each once: the cleanups of
 * several policies find the same of an ad-hoc snapshot.
 */
export function unreportedWarnings(
  warnings: readonly Finding[],
  reported: readonly Reason[],
): readonly Finding[] {
  return unique(warnings.filter((warning) => !isReported(warning, reported)));
}

/** Whether the lines of the troubles already say what a warning says. */
function isReported(warning: Finding, reported: readonly Reason[]): boolean {
  switch (warning.code) {
    case 'SERIES_NOT_ROTATING':
      return reported.some(({ code }) => code === 'SERIES_NOT_ROTATED');
    case 'ADHOC_SNAPSHOT_FAILED':
    case 'FAILED_IMAGE_HELD':
    case 'IMAGE_STUCK':
      return reported.flatMap(imagesOf).includes(warning.image);
    default:
      return false;
  }
}

function imagesOf(reason: Reason): readonly string[] {
  switch (reason.code) {
    case 'SERIES_FAILED':
    case 'SERIES_ADHOC_FAILED':
    case 'SERIES_STUCK':
    case 'SERIES_UNCOUNTED':
      return reason.images;
    default:
      return [];
  }
}
