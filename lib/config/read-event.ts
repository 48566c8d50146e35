import * as v from 'valibot';
import { isPlainWord, problemsOf } from './schema.ts';
import { invalidEvent } from './validation-error.ts';

/** Whether an event has a key, with any value. */
export function isKeyOf(key: string, event: unknown): boolean {
  return typeof event === 'object' && event !== null && key in event;
}

/**
 * Validates an event with a schema.
 *
 * @throws {ValidationError} that names every problem at once.
 */
export function readEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw invalidEvent({ text: 'it must be a JSON object: see events/ for examples' });
  }
  const result = v.safeParse(schema, event);
  if (result.success) return result.output;
  throw invalidEvent(...problemsOf(result.issues, 'event', isPlainWord));
}

/**
 * {@link readEvent} for an optional event. `invoke local` passes an empty text if there is no
 * event.
 */
export function readOptionalEvent<S extends v.GenericSchema>(event: unknown, schema: S): v.InferOutput<S> {
  return readEvent(event === '' ? {} : (event ?? {}), schema);
}
