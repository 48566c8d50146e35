import * as v from 'valibot';
import { nearMiss, strict } from '../config/schema.ts';
import type { CloudAccess, Credentials, Reference, ServiceType } from '../openstack/credentials.ts';
import { certificates, check, SecretProblems, serviceUrl, text } from './fields.ts';
import { isObject } from './secret-document.ts';

const optionalText = v.optional(text);
const optionalUrl = v.optional(serviceUrl);

const Auth = strict({
  auth_url: serviceUrl,
  application_credential_id: optionalText,
  application_credential_name: optionalText,
  application_credential_secret: optionalText,
  password: optionalText,
  username: optionalText,
  user_id: optionalText,
  user_domain_id: optionalText,
  user_domain_name: optionalText,
  project_id: optionalText,
  project_name: optionalText,
  project_domain_id: optionalText,
  project_domain_name: optionalText,
  // The older names of the project, and the domain of both the user and the project.
  tenant_id: optionalText,
  tenant_name: optionalText,
  domain_id: optionalText,
  domain_name: optionalText,
});
type AuthFields = v.InferOutput<typeof Auth>;

const OVERRIDES = {
  compute_endpoint_override: 'compute',
  image_endpoint_override: 'image',
  // The later ones win: these are the newer names of the service.
  volume_endpoint_override: 'volume',
  volumev3_endpoint_override: 'volume',
  block_storage_endpoint_override: 'volume',
} as const satisfies Record<string, ServiceType>;

const INTERFACES = {
  public: 'public',
  publicURL: 'public',
  internal: 'internal',
  internalURL: 'internal',
} as const;
const TYPES = ['password', 'v3password', 'v3applicationcredential'];
const anInterface = v.optional(
  v.picklist(Object.keys(INTERFACES) as (keyof typeof INTERFACES)[], 'must be public or internal'),
);
const noClientCertificate = v.optional(
  v.never('is not supported: log in with an application credential or a password, and remove it'),
);

const CLOUD_FIELDS = {
  auth: Auth,
  auth_type: v.optional(v.picklist(TYPES, 'must be v3applicationcredential or password')),
  region_name: optionalText,
  regions: v.optional(
    v.pipe(
      v.array(text, 'must be a list of names'),
      v.nonEmpty('must not be empty: name a region, or remove it'),
    ),
  ),
  interface: anInterface,
  endpoint_type: anInterface,
  cacert: v.optional(certificates),
  verify: v.optional(
    v.pipe(
      v.unknown(),
      v.check(
        (one) => /^(true|yes|1)$/i.test(String(one)),
        'must be true: put the certificate of the authority of your cloud into cacert instead',
      ),
    ),
  ),
  cert: noClientCertificate,
  key: noClientCertificate,
  compute_endpoint_override: optionalUrl,
  image_endpoint_override: optionalUrl,
  volume_endpoint_override: optionalUrl,
  volumev3_endpoint_override: optionalUrl,
  block_storage_endpoint_override: optionalUrl,
};
/** A cloud may have many more fields, which are for other programs. */
const CloudFields = v.object(CLOUD_FIELDS, ({ received }) =>
  received === 'undefined' ? 'is missing' : 'must be an object with auth',
);
type Cloud = v.InferOutput<typeof CloudFields>;

const isFieldName = (key: string) => key in Auth.entries || key in CLOUD_FIELDS;

/**
 * Reads a clouds.yaml of one cloud, or of several if `cloud` at the top names one of them:
 * https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html.
 *
 * @throws {SecretProblems} that name fields relative to the cloud, and never the name of a cloud.
 */
export function readCloudsYaml(document: Record<string, unknown>): Credentials {
  const cloud = withoutNulls(chosenCloud(document));
  const misplaced = misplacedKeys(cloud);
  if (misplaced.length > 0) throw new SecretProblems(...misplaced);
  const fields = check(CloudFields, cloud, isFieldName);
  const access = accessOf(fields);
  const { auth, auth_type } = fields;
  const isCredential =
    auth_type === 'v3applicationcredential' ||
    (auth_type === undefined && Object.keys(auth).some((key) => key.startsWith('application_credential_')));
  return isCredential ? applicationCredentialOf(auth, access) : passwordOf(auth, access);
}

function chosenCloud({ clouds, cloud: chosen }: Record<string, unknown>): unknown {
  if (!isObject(clouds)) throw new SecretProblems('clouds: must be an object with a cloud in it');
  const names = Object.keys(clouds);
  if (chosen !== undefined) {
    if (typeof chosen === 'string' && Object.hasOwn(clouds, chosen)) return clouds[chosen];
    throw new SecretProblems('cloud: must be the name of a cloud under clouds');
  }
  if (names.length !== 1) {
    throw new SecretProblems(
      `clouds: has ${names.length} clouds: name the one to use at the top of the file, as "cloud: <name>"`,
    );
  }
  return clouds[names[0]!];
}

/** A cloud without the fields that are empty, as `region_name:` is in many files. */
function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== '');
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]));
}

/** Fields that are misspelled, or belong elsewhere; they would otherwise be ignored. */
function misplacedKeys(cloud: unknown): string[] {
  if (!isObject(cloud)) return [];
  const known = Object.keys(CLOUD_FIELDS);
  return Object.keys(cloud).flatMap((key) => {
    if (known.includes(key)) return [];
    if (key in Auth.entries) return [`${key}: belongs under auth: move it there`];
    if (key === 'profile' && !(isObject(cloud.auth) && 'auth_url' in cloud.auth))
      return ['profile: is not looked up: write the auth_url of the cloud under auth'];
    const meant = nearMiss(key, known);
    return meant ? [`a key of the cloud: is not a known key: did you mean "${meant}"?`] : [];
  });
}

function accessOf({
  auth,
  region_name,
  regions,
  interface: face,
  endpoint_type,
  cacert,
  ...rest
}: Cloud): CloudAccess {
  const chosen = face ?? endpoint_type;
  const wanted = region_name === undefined ? regions : [region_name];
  const overrides = Object.fromEntries(
    (Object.entries(OVERRIDES) as [keyof typeof OVERRIDES, ServiceType][]).flatMap(([key, service]) =>
      rest[key] === undefined ? [] : [[service, rest[key]]],
    ),
  );
  const hasOverrides = Object.keys(overrides).length > 0;
  if (hasOverrides && wanted?.length !== 1) {
    throw new SecretProblems(
      'region_name: is missing: an endpoint override is the URL of one region, so name that region',
    );
  }
  return {
    authUrl: auth.auth_url,
    ...(cacert === undefined ? {} : { ca: cacert }),
    ...(chosen === undefined ? {} : { interface: INTERFACES[chosen] }),
    ...(wanted ? { regions: wanted } : {}),
    ...(hasOverrides ? { overrides } : {}),
  };
}

function applicationCredentialOf(auth: AuthFields, access: CloudAccess): Credentials {
  const { application_credential_id: id, application_credential_name: name } = auth;
  const secret = required(auth, 'application_credential_secret');
  if (id !== undefined)
    return { kind: 'applicationCredential', ...access, applicationCredential: { id, secret } };
  if (name === undefined) {
    throw new SecretProblems(
      'auth.application_credential_id: is missing: add it, or application_credential_name with the username',
    );
  }
  return {
    kind: 'applicationCredential',
    ...access,
    applicationCredential: { name, user: userOf(auth), secret },
  };
}

function passwordOf(auth: AuthFields, access: CloudAccess): Credentials {
  const password = required(auth, 'password');
  const user = userOf(auth);
  return { kind: 'password', ...access, user, password, project: projectOf(auth) };
}

function required(auth: AuthFields, field: 'password' | 'application_credential_secret'): string {
  const value = auth[field];
  if (value !== undefined) return value;
  const why = field === 'password' ? ': a downloaded clouds.yaml does not have it, so add it' : '';
  throw new SecretProblems(`auth.${field}: is missing${why}`);
}

function userOf(auth: AuthFields): Reference {
  if (auth.user_id !== undefined) return { id: auth.user_id };
  if (auth.username === undefined) throw new SecretProblems('auth.username: is missing: add it, or user_id');
  return { name: auth.username, domain: userDomainOf(auth) };
}

function userDomainOf(auth: AuthFields) {
  const name = auth.user_domain_name ?? auth.domain_name;
  const id = auth.user_domain_id ?? (name === undefined ? auth.domain_id : undefined);
  return id === undefined ? { name: name ?? 'Default' } : { id };
}

function projectOf(auth: AuthFields): Reference {
  const id = auth.project_id ?? auth.tenant_id;
  if (id !== undefined) return { id };
  const name = auth.project_name ?? auth.tenant_name;
  if (name === undefined) throw new SecretProblems('auth.project_id: is missing: add it, or project_name');
  if (auth.project_domain_id !== undefined) return { name, domain: { id: auth.project_domain_id } };
  if (auth.project_domain_name !== undefined) return { name, domain: { name: auth.project_domain_name } };
  return { name, domain: userDomainOf(auth) };
}
