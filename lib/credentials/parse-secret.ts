import { ValidationError } from '../config/validation-error.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { readCloudsYaml } from './clouds-yaml.ts';
import { SecretProblems } from './fields.ts';
import { readOwnForm } from './own-forms.ts';
import { readSecretDocument } from './secret-document.ts';

/**
 * Parses a secret: a clouds.yaml, or one of the forms of own-forms.ts, in JSON or YAML.
 *
 * @throws {ValidationError} SECRET_INVALID that names the invalid fields, but neither their values
 *   nor unknown fields.
 */
export function parseSecret(name: string, secret: string): Credentials {
  try {
    const fields = readSecretDocument(secret);
    return 'clouds' in fields ? readCloudsYaml(fields) : readOwnForm(fields);
  } catch (error) {
    if (!(error instanceof SecretProblems)) throw error;
    const problems = [...new Set(error.problems)];
    throw new ValidationError({ code: 'SECRET_INVALID', secret: name, problems });
  }
}
