import { z } from 'zod';
import { typesNamed } from '../../domain/events/catalogue';
import { rowNumber, time } from './common';

const MAX_EVENTS = 1_000;
const position = z
  .string()
  .regex(/^\d{1,15}$/, 'must be the position of an event')
  .transform(Number);

/** Types with commas between; `order.*` is all that begin with `order.`. */
const types = z
  .string()
  .max(10_000)
  .transform((text, context): readonly string[] => {
    const found = text.split(',').flatMap((given) => {
      const types = typesNamed(given.trim());
      if (types.length === 0)
        context.addIssue({ code: 'custom', message: `there is no type ${given.trim()}` });
      return types;
    });
    return [...new Set(found)];
  });

export const eventQuery = z.strictObject({
  after: position.optional().meta({
    description:
      'The position to go on after: `after` of the page before. Absent: from the oldest that is kept on',
  }),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_EVENTS))
    .default(100),
  types: types.optional().meta({
    description: 'Types with commas between, see /asyncapi.json; `order.*`: all that begin so. Absent: all',
    examples: ['order.placed,payment.*'],
  }),
});

export const streamEvent = z
  .object({
    position: rowNumber.meta({
      description: 'Its place in the stream: unique, rising, the same for ever; not without gaps',
    }),
    type: z.string().meta({ examples: ['order.placed'] }),
    version: z.int().meta({ description: 'Of the schema of `data`' }),
    at: time.meta({ description: 'When it was written, RFC 3339 to the microsecond' }),
    subject: z.object({ type: z.string(), id: z.string() }).meta({ description: 'What it is about' }),
    actor: z.string().meta({ description: 'Who caused it: `user:<id>`, `service:<id>`, `system`' }),
    onBehalfOf: z
      .string()
      .nullable()
      .meta({ description: 'Id of the customer for whom somebody else did it' }),
    trace: z.string().nullable().meta({ description: 'W3C traceparent of the work that has written it' }),
    data: z.record(z.string(), z.unknown()).meta({ description: 'By its type, see /asyncapi.json' }),
  })
  .meta({ id: 'Event' });

export const eventStreamPage = z
  .object({
    items: z.array(streamEvent),
    after: rowNumber.meta({ description: 'Go on after this position' }),
    atEnd: z.boolean().meta({ description: 'Nothing has come after it yet' }),
    newest: rowNumber.meta({ description: 'The newest position that there is' }),
  })
  .meta({
    id: 'EventStreamPage',
    description: 'Events in the order of their positions. A page may be short, or empty, before the end.',
  });
