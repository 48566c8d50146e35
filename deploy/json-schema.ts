import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { CRON_PATTERN } from '../lib/config/cron.ts';
import { PolicyFields, policyName } from '../lib/config/policy.ts';
import { RATE_PATTERN } from '../lib/config/schedule.ts';
import { strict } from '../lib/config/schema.ts';
import { Settings } from './settings.ts';

const { policy: _policy, dryRun: _dryRun, account, ...rest } = PolicyFields.entries;

/**
 * The JSON schema of serverless.yml for editors. The schema is strict about custom.policies and
 * does not cover keys of Serverless or other plugins.
 */
export function serverlessSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'serverless.yml of Autosnap',
    type: 'object',
    definitions: { schedule: { type: 'string', pattern: SCHEDULE_PATTERN } },
    properties: { custom: { type: 'object', properties: customProperties() } },
  };
}

function customProperties(): Record<string, JsonSchema> & { policies: JsonSchema } {
  const settings = schemaOf(Settings);
  const block = schemaOf(strict(rest));
  const one = schemaOf(account);
  const accounts = {
    anyOf: [one, { type: 'array', minItems: 1, items: one }],
    description: one.description ?? '',
    default: 'rackspace',
  } as JsonSchema;
  return {
    policies: {
      // With all blocks commented out, YAML reads null.
      type: ['object', 'null'],
      description: 'The policies, by name.',
      propertyNames: schemaOf(policyName),
      additionalProperties: { ...block, properties: { ...block.properties, account: accounts } },
    },
    ...(settings.properties as Record<string, JsonSchema>),
  };
}

function schemaOf(schema: v.GenericSchema): JsonSchema {
  const { $schema: _, ...found } = toJsonSchema(schema, {
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === 'object_with_rest'
        ? { ...described(jsonSchema, valibotSchema), additionalProperties: false }
        : undefined,
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === 'raw_check'
        ? { ...jsonSchema, allOf: [{ $ref: '#/definitions/schedule' }] }
        : undefined,
  });
  return found;
}

/**
 * Restores the descriptions of fields. Input mode stops at a transformation and drops a description
 * after it, such as that of a duration.
 */
function described(object: JsonSchema, schema: v.GenericSchema): JsonSchema {
  const { entries } = schema as unknown as {
    entries: Record<string, v.GenericSchema & { wrapped?: v.GenericSchema }>;
  };
  const properties = Object.entries(object.properties as Record<string, JsonSchema>).map(
    ([key, property]) => {
      const entry = entries[key]!;
      const description = v.getDescription(entry.wrapped ?? entry);
      return [key, description === undefined ? property : { ...property, description }];
    },
  );
  return { ...object, properties: Object.fromEntries(properties) };
}

const SCHEDULE_PATTERN = `^(?:cron\\(${CRON_PATTERN}\\)|${RATE_PATTERN})$`;

/** The fields of a policy and the settings as Markdown tables, a row each: docs/fields.md. */
export function fieldTables(): string {
  const { policies, ...settings } = customProperties();
  return `# The fields of serverless.yml

This page is made from the code: the same schema that checks serverless.yml, and that an editor shows by
\`deploy/serverless.schema.json\`.

## A policy: \`custom.policies.<name>\`

${tableOf(rowsOf(policies.additionalProperties as JsonSchema))}

## Settings: \`custom\`

${tableOf(rowsOf({ properties: settings }))}
`;
}

interface Row {
  path: string;
  field: JsonSchema;
  isRequired: boolean;
}

/** The fields of an object, or of the objects among the values that a field may have. */
function rowsOf({ properties = {}, required = [], anyOf = [], oneOf = [] }: JsonSchema, parent = ''): Row[] {
  const own = Object.entries(properties as Record<string, JsonSchema>).flatMap(([key, field]) => {
    const path = `${parent}${key}`;
    return [{ path, field, isRequired: required.includes(key) }, ...rowsOf(field, `${path}.`)];
  });
  const ofValues = [...anyOf, ...oneOf].flatMap((value) => rowsOf(value as JsonSchema, parent));
  // Other values of the field do without them.
  return [...own, ...ofValues.map((row) => ({ ...row, isRequired: false }))];
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ path, field, isRequired }) => {
    const given = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
    return `| \`${path}\` | ${field.description ?? ''} | ${isRequired ? 'required' : given} |`;
  });
  return ['| field | meaning | default |', '| --- | --- | --- |', ...lines].join('\n');
}
