import { z } from 'zod';
import { CATALOGUE, VERSION as SCHEMA_VERSION } from '../../domain/events/catalogue';
import { VERSION } from '../../platform/version';
import { API_BASE } from '../http/paths';
import { streamEvent } from './events';

type Json = Record<string, unknown>;

/** The JSON Schema (2020-12) of an event of this type, as `GET /events` shows it. */
export function eventSchema(type: string): Json {
  const kind = Object.hasOwn(CATALOGUE, type) ? CATALOGUE[type] : undefined;
  if (!kind) throw new Error(`there is no type ${type}`);
  const schema = z
    .object({
      ...streamEvent.shape,
      type: z.literal(type),
      version: z.literal(SCHEMA_VERSION),
      data: kind.data,
    })
    .meta({ description: kind.summary });
  return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'output' });
}

/** The AsyncAPI 3.0 description of the stream, made from the schemas of the catalogue. */
export function describeEvents(): Json {
  const types = Object.keys(CATALOGUE);
  const reference = (type: string) => ({ $ref: `#/components/messages/${type}` });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Holdfast events',
      version: VERSION,
      description:
        'What happens in Holdfast, in one stream with positions. Read it with GET /events, as pages or server-sent events.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: {
      events: {
        address: `${API_BASE}/events`,
        messages: Object.fromEntries(types.map((type) => [type, reference(type)])),
      },
    },
    operations: {
      sendEvents: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        messages: types.map((type) => ({ $ref: `#/channels/events/messages/${type}` })),
      },
    },
    components: {
      messages: Object.fromEntries(
        types.map((type) => [
          type,
          { name: type, title: CATALOGUE[type]?.summary, payload: eventSchema(type) },
        ]),
      ),
    },
  };
}
