import * as v from 'valibot';
import { schedule, text, wholeNumber } from './field-values.ts';
import { anyOf, field, strict } from './schema.ts';

/** The maximum of `drill.hours`, the lifetime of a throw-away server. */
export const MOST_DRILL_HOURS = 24;

const answerCheck = anyOf(
  strict({
    port: v.optional(field('The TCP port that must answer.', wholeNumber(1, 65_535))),
    path: v.optional(
      v.pipe(
        v.string('must be a path, such as "/health"'),
        v.regex(/^\/[\x21-\x7e]{0,1000}$/, 'must be a path that starts with "/", such as "/health"'),
        v.description('The path of an HTTP request that must succeed.'),
      ),
    ),
  }),
  ['port', 'path'],
  'must have a port for TCP, such as {"port": 22}, or a path for HTTP: {"path": "/health"}',
);

/** The field `drill` of a policy: restore drills. */
export const DrillField = v.pipe(
  strict({
    schedule: field('When to start drills: cron(…) or rate(…).', schedule),
    atOnce: v.optional(
      field('The maximum number of throw-away servers at the same time.', wholeNumber(1, 20)),
      1,
    ),
    hours: v.optional(
      field('The maximum lifetime of a throw-away server, in hours.', wholeNumber(1, MOST_DRILL_HOURS)),
      2,
    ),
    flavor: v.optional(
      field('The flavor of the throw-away servers.', text('the id or the name of a flavor')),
    ),
    networks: v.optional(
      field(
        'The networks of the throw-away servers; none by default.',
        v.array(text('the id of a network'), 'must be a list of network ids, or be left out for none'),
      ),
      [],
    ),
    securityGroups: v.optional(
      field(
        'The security groups of the throw-away servers.',
        v.array(text('the name of a security group'), 'must be a list of security groups'),
      ),
      [],
    ),
    check: v.optional(field('A check of the booted server, by TCP or HTTP.', answerCheck)),
    volumes: v.optional(
      field(
        'Whether the throw-away servers have new volumes from the snapshots of the data volumes; no by default.',
        v.boolean('must be true or false'),
      ),
      false,
    ),
  }),
  v.check(
    ({ check: asked, networks }) => asked === undefined || networks.length > 0,
    'has a check, which needs an address: list the networks of the throw-away servers in networks',
  ),
  v.forward(
    v.check(
      ({ securityGroups, networks }) => securityGroups.length === 0 || networks.length > 0,
      'are for servers on a network: list the networks of the throw-away servers in networks, or leave securityGroups out',
    ),
    ['securityGroups'],
  ),
);
