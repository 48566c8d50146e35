import { X509Certificate } from 'node:crypto';
import * as v from 'valibot';
import { problemsOf, problemText, quotable } from '../config/schema.ts';
import { isLoopback } from '../openstack/credentials.ts';

/** A text. Messages never show a value, because even an invalid value may be a secret. */
export const text = v.pipe(quotable('must be a text'), v.nonEmpty('must not be empty'));

/** The https URL of a service; on this machine also http. */
export const serviceUrl = v.pipe(
  text,
  v.check((url) => {
    const parsed = URL.parse(url);
    if (parsed?.username || parsed?.password || /[?#]/.test(url)) return false;
    return parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback(parsed));
  }, 'must be an https URL, without a user, a password or a query in it'),
);

const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The content of a file with certificates, in PEM. */
export const certificates = v.pipe(
  text,
  v.check(
    (pem) => isEachReadable(pem.match(PEM) ?? []),
    'must be the content of the file, from -----BEGIN CERTIFICATE----- on, and not its path: in YAML, write "cacert: |" and the content below it, indented',
  ),
);

function isEachReadable(blocks: readonly string[]): boolean {
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch {
    return false;
  }
  return blocks.length > 0;
}

/** The refusal of a secret: what is wrong with it, without its values. */
export class SecretProblems extends Error {
  readonly problems: readonly string[];

  constructor(...problems: string[]) {
    super();
    this.problems = problems;
  }
}

/**
 * Checks the fields of a secret.
 *
 * @param isFieldName whether a key is a field of some form of secret. Other keys are not named,
 *   because somebody may have put the secret itself where its name belongs.
 * @throws {SecretProblems}
 */
export function check<S extends v.GenericSchema>(
  schema: S,
  fields: unknown,
  isFieldName: (key: string) => boolean,
): v.InferOutput<S> {
  const result = v.safeParse(schema, fields);
  if (result.success) return result.output;
  throw new SecretProblems(...problemsOf(result.issues, 'it', isFieldName).map(problemText));
}
