import { parseDocument } from 'yaml';
import { SecretProblems } from './fields.ts';

const OPENRC = /^\s*(?:export\s+)?OS_[A-Z_]+=/m;

/**
 * Reads the text of a secret, JSON or YAML, with or without a byte order mark. All scalars of YAML
 * but null are texts, so a project id of digits alone stays as it is written.
 *
 * @throws {SecretProblems} if the text is no object. Neither V8's nor the YAML parser's messages
 *   are shown, because they quote the text.
 */
export function readSecretDocument(secret: string): Record<string, unknown> {
  const text = secret.replace(/^\uFEFF/, '');
  const parsed = parseJson(text) ?? parseYaml(text);
  if (isObject(parsed)) return parsed;
  throw new SecretProblems(
    'it must be a JSON object, such as {"username": "…", "apiKey": "…"}, or a clouds.yaml',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseYaml(text: string): unknown {
  if (OPENRC.test(text)) {
    throw new SecretProblems(
      'it is an openrc file, which only a shell can read: download the clouds.yaml instead, which the dashboard offers beside it, or write one as docs/credentials.md shows',
    );
  }
  const document = parseDocument(text, { schema: 'failsafe', customTags: ['null'], merge: true });
  const [error] = document.errors;
  if (error) {
    throw new SecretProblems(
      `it is neither valid JSON nor valid YAML: correct line ${error.linePos?.[0].line ?? 1}`,
    );
  }
  try {
    return document.toJS();
  } catch {
    throw new SecretProblems(
      'it has an alias of YAML that names no anchor, or too many: write the values out',
    );
  }
}

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
