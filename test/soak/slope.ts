/** A straight line through values that were measured at even intervals. */
export interface Slope {
  /** The increase from a value to the next. */
  perStep: number;
  /** The bounds of the slope with a confidence of 99 %. */
  from: number;
  to: number;
}

/** The quantile of the normal distribution; for this many values, Student's differs little. */
const Z_99 = 2.58;

/**
 * Fits a line by least squares. Neighbouring values are correlated, because memory that is freed
 * late is in several of them. Without a correction the bounds would be too narrow, so they are
 * widened by the correlation of each deviation with the next.
 *
 * @param values three or more.
 */
export function slopeOf(values: readonly number[]): Slope {
  const n = values.length;
  const middle = (n - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const spread = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  const perStep = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0) / spread;
  const deviations = values.map((value, i) => value - mean - perStep * (i - middle));
  const squares = deviations.reduce((sum, d) => sum + d ** 2, 0);
  const neighbours = deviations.slice(1).reduce((sum, d, i) => sum + d * deviations[i]!, 0);
  const likeness = squares === 0 ? 0 : Math.min(0.95, Math.max(0, neighbours / squares));
  const error = Math.sqrt((squares / (n - 2) / spread) * ((1 + likeness) / (1 - likeness)));
  return { perStep, from: perStep - Z_99 * error, to: perStep + Z_99 * error };
}
