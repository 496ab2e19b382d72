import { z } from 'zod';
import { CATALOGUE, VERSION as SCHEMA_VERSION } from '../../domain/events/catalogue';
import { VERSION } from '../../platform/version';
import { API_BASE } from '../http/paths';
import { SUBPROTOCOL, WEB_SOCKET_PATH } from '../http/upgrades';
import { streamEvent } from './events';
import { clientMessage, serverMessages } from './sockets';

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

/** Messages of the WebSocket by their names: `live.` and the type. */
const SENT: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  Object.values(serverMessages).map((schema) => [`live.${schema.shape.type.value}`, schema]),
);
const RECEIVED: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  clientMessage.options.map((schema) => [`live.${schema.shape.type.value}`, schema]),
);

/** The AsyncAPI 3.0 description of the stream and the WebSocket, made from the schemas of the catalogue and of the messages. */
export function describeEvents(): Json {
  const types = Object.keys(CATALOGUE);
  const reference = (type: string) => ({ $ref: `#/components/messages/${type}` });
  const live = { ...SENT, ...RECEIVED };
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
      live: {
        address: WEB_SOCKET_PATH,
        description: `A WebSocket with the subprotocol ${SUBPROTOCOL} that tells what changes, by topics.`,
        messages: Object.fromEntries(Object.keys(live).map((name) => [name, reference(name)])),
      },
    },
    operations: {
      sendEvents: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        messages: types.map((type) => ({ $ref: `#/channels/events/messages/${type}` })),
      },
      sendLive: {
        action: 'send',
        channel: { $ref: '#/channels/live' },
        messages: Object.keys(SENT).map((name) => ({ $ref: `#/channels/live/messages/${name}` })),
      },
      receiveLive: {
        action: 'receive',
        channel: { $ref: '#/channels/live' },
        messages: Object.keys(RECEIVED).map((name) => ({ $ref: `#/channels/live/messages/${name}` })),
      },
    },
    components: {
      messages: {
        ...Object.fromEntries(
          types.map((type) => [
            type,
            { name: type, title: CATALOGUE[type]?.summary, payload: eventSchema(type) },
          ]),
        ),
        ...Object.fromEntries(
          Object.entries(live).map(([name, schema]) => [
            name,
            { name, payload: z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'output' }) },
          ]),
        ),
      },
    },
  };
}
