import * as v from 'valibot';
import { EXAMPLE_ID, id, list, tagged } from './field-values.ts';
import { anyOf, field, strict } from './schema.ts';

const selectors = (unknownIds: string) => ({
  ids: list('a server id', EXAMPLE_ID, `Servers by id. ${unknownIds}`, id('a server id')),
  names: list('a server name or pattern', 'web-*, db-1', 'Servers by name; * and ? are wildcards.'),
  tagged: tagged(
    'Servers by metadata: autosnap: daily is that value, or one of the parts of "daily,weekly". With several pairs a server must match all of them.',
  ),
});

/**
 * A server selector: the union of its keys, minus `except`. With several `tagged` pairs a server
 * must match all of them.
 */
export const servers = v.pipe(
  anyOf(
    strict({
      ...selectors('An id that does not exist is a failure.'),
      all: v.optional(field('All servers.', v.literal(true, 'must be true, or be left out'))),
      except: v.optional(
        field(
          'Servers to leave out: all that match any of these.',
          anyOf(
            strict(selectors('Doctor warns about an id that does not exist.')),
            ['ids', 'names', 'tagged'],
            'must select servers: ids, names or tagged',
          ),
        ),
      ),
    }),
    ['ids', 'names', 'tagged', 'all'],
    'must select servers: ids, names, tagged, or "all": true',
  ),
  v.forward(
    v.check(
      ({ all, ids, names, tagged }) => !all || (ids ?? names ?? tagged) === undefined,
      'selects every server regardless of ids, names and tagged: leave out either all or the other keys',
    ),
    ['all'],
  ),
);

const volumesRemedy =
  'must be "attached", "none", or the volumes to leave out, such as {"except": {"names": ["scratch-*"]}}';

/** Which of the attached volumes get a snapshot of their own. */
export const volumes = v.union(
  [
    v.picklist(['attached', 'none']),
    strict({
      except: field(
        'Volumes to leave out: all that match any of these.',
        anyOf(
          strict({
            ids: list('a volume id', EXAMPLE_ID, 'Volumes by id.', id('a volume id')),
            names: list('a volume name or pattern', 'scratch-*', 'Volumes by name; * and ? are wildcards.'),
            tagged: tagged('Volumes by metadata, as for servers.'),
          }),
          ['ids', 'names', 'tagged'],
          'must name volumes: ids, names or tagged',
        ),
      ),
    }),
  ],
  volumesRemedy,
);
