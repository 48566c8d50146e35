import * as v from 'valibot';

/**
 * The schemas of Nova's request bodies: nova/api/openstack/compute/schemas. Rackspace's Nova is
 * older than these schemas, and ignores unknown fields.
 */

const LONGEST = 255;
const METADATA_KEY = '^[a-zA-Z0-9-_:. ]{1,255}$';
const NAME =
  "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.";

const name = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(LONGEST),
  v.check((text) => text === text.trim() && !/\p{C}/u.test(text), NAME),
);
const text = v.pipe(v.string(), v.maxLength(LONGEST));
const key = v.pipe(v.string(), v.regex(new RegExp(METADATA_KEY)));
// An array does not count as an object here, although its typeof is 'object'.
const metadata = v.pipe(
  v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  v.record(key, text),
);
const whole = v.pipe(v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d+$/))]), v.transform(Number));
const flag = v.union([v.boolean(), v.string(), v.number()]);

const createImage = { name, metadata: v.optional(metadata) };
const createBackup = { ...createImage, backup_type: name, rotation: v.pipe(whole, v.minValue(0)) };

const blockDevice = v.strictObject({
  source_type: v.optional(v.picklist(['volume', 'image', 'snapshot', 'blank'])),
  destination_type: v.optional(v.picklist(['local', 'volume'])),
  uuid: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(LONGEST))),
  boot_index: v.nullish(v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d+$/))])),
  volume_size: v.optional(whole),
  volume_type: v.nullish(text),
  delete_on_termination: v.optional(flag),
  device_name: v.optional(text),
  disk_bus: v.optional(text),
  device_type: v.optional(text),
  guest_format: v.optional(text),
  no_device: v.optional(v.unknown()),
  tag: v.optional(text),
});
const network = v.strictObject({
  uuid: v.optional(v.string()),
  port: v.nullish(v.string()),
  fixed_ip: v.optional(v.string()),
  tag: v.optional(text),
});
const networks = v.array(network);
const newServer = {
  name,
  flavorRef: v.pipe(v.union([v.string(), v.number()]), v.transform(String)),
  imageRef: v.optional(v.string()),
  metadata: v.optional(metadata),
  networks: v.optional(networks),
  block_device_mapping_v2: v.optional(v.array(blockDevice)),
  block_device_mapping: v.optional(v.array(v.looseObject({}))),
  key_name: v.nullish(name),
  security_groups: v.optional(v.array(v.strictObject({ name }))),
  user_data: v.nullish(v.string()),
  config_drive: v.nullish(flag),
  'OS-DCF:diskConfig': v.optional(v.picklist(['AUTO', 'MANUAL'])),
  adminPass: v.optional(v.string()),
  accessIPv4: v.nullish(v.string()),
  accessIPv6: v.nullish(v.string()),
  personality: v.optional(v.array(v.looseObject({}))),
  availability_zone: v.nullish(v.string()),
  min_count: v.optional(whole),
  max_count: v.optional(whole),
  return_reservation_id: v.optional(flag),
};
/**
 * From microversion 2.37 on, the field `networks` is required; 'none' asks for a server without
 * networks.
 */
const newServer37 = { ...newServer, networks: v.union([networks, v.picklist(['none', 'auto'])]) };
/** The fields that later microversions add. */
const ADDED: [minor: number, fields: v.ObjectEntries][] = [
  [19, { description: v.nullish(text) }],
  [52, { tags: v.optional(v.array(v.string())) }],
  [63, { trusted_image_certificates: v.nullish(v.array(v.string())) }],
  [74, { host: v.optional(v.string()), hypervisor_hostname: v.optional(v.string()) }],
  [90, { hostname: v.optional(v.string()) }],
];

const SCHEMAS = { createImage, createBackup, server: newServer } as const;

/**
 * Validates the object under `field` of a request's body.
 *
 * @returns the error message, worded as Nova does; undefined if the object is valid.
 */
export function refuseBody(
  field: keyof typeof SCHEMAS,
  value: unknown,
  { minor = 1, isStrict = true },
): string | undefined {
  const added = ADDED.filter(([from]) => field === 'server' && minor >= from);
  const own = field === 'server' && minor >= 37 ? newServer37 : SCHEMAS[field];
  const entries: v.ObjectEntries = Object.assign({}, own, ...added.map(([, fields]) => fields));
  return badRequest(isStrict ? v.strictObject(entries) : v.looseObject(entries), value, field);
}

/** Validates the body of a metadata request; as {@link refuseBody}. */
export function refuseMetadata(value: unknown): string | undefined {
  return badRequest(metadata, value, 'metadata');
}

function badRequest(schema: v.GenericSchema, value: unknown, field: string): string | undefined {
  const { issues } = v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true });
  return issues && messageOf(deepest(issues[0]), value, field);
}

/** The issue itself; for a union, the issue of the alternative that matches best. */
function deepest(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown> {
  const [inner] = (issue.issues ?? []).toSorted((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0));
  if (!inner?.path) return issue;
  return deepest({ ...inner, path: [...(issue.path ?? []), ...inner.path] as typeof inner.path });
}

function messageOf(issue: v.BaseIssue<unknown>, whole: unknown, field: string): string {
  if (issue.type === 'check') return issue.message;
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const isStray = issue.type === 'strict_object' && issue.expected === 'never';
  const isAboutKey = issue.type === 'regex' && issue.path?.at(-1)?.origin === 'key';
  const isMissing = issue.path !== undefined && issue.input === undefined;
  const invalidInput = (path: string[], value: unknown, text: string) =>
    `Invalid input for field/attribute ${path.at(-1) ?? field}. Value: ${printed(value)}. ${text}`;
  if (!isStray && !isAboutKey && !isMissing) return invalidInput(keys, issue.input, problemOf(issue));
  const last = keys.at(-1) ?? '';
  const parent = issue.path?.at(-1)?.input ?? whole;
  const text = isMissing
    ? `'${last}' is a required property`
    : isStray
      ? `Additional properties are not allowed ('${last}' was unexpected)`
      : `'${last}' does not match any of the regexes: '${METADATA_KEY}'`;
  return invalidInput(keys.slice(0, -1), parent, text);
}

function problemOf({ type, input, requirement, expected }: v.BaseIssue<unknown>): string {
  if (type === 'min_length') return `${quoted(input)} is too short`;
  if (type === 'max_length') return `${quoted(input)} is too long`;
  if (type === 'min_value') return `${printed(input)} is less than the minimum of ${requirement}`;
  if (type === 'picklist') return `${quoted(input)} is not one of ${expected}`;
  const kinds: Record<string, string> = { strict_object: 'object', custom: 'object', union: 'string' };
  return `${quoted(input)} is not of type '${kinds[type] ?? type}'`;
}

/** A value roughly as Python prints it. */
function printed(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : printed(value);
}
