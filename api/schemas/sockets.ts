import { z } from 'zod';
import { rowNumber } from './common';

/** A topic has at most so many characters: `inventory:` and a SKU. */
const MAX_TOPIC = 120;

const topic = z
  .string()
  .max(MAX_TOPIC)
  .meta({
    description: '`orders:{id}`, `jobs:{id}`, `inventory:{sku}`, `alerts`, `attention`',
    examples: ['orders:0197d1c1-7f3c-7c3a-9a50-0d8f1f6f1b11', 'inventory:LAPTOP-001'],
  });

export const topicQuery = z.strictObject({
  topic,
});

/** What clients send, one JSON object in each text message. */
export const clientMessage = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('subscribe'),
      topic,
      after: rowNumber.optional().meta({
        description:
          'The position to go on after: that of the last message of this topic. Absent: from where it is good to begin',
      }),
    })
    .meta({ description: 'Follow a topic' }),
  z.strictObject({ type: z.literal('unsubscribe'), topic }).meta({ description: 'Follow it no more' }),
  z.strictObject({ type: z.literal('ping') }).meta({ description: 'Ask for a `pong`' }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

const position = rowNumber.meta({
  description: 'Where to go on after this: `after` of a later subscription to the topic',
});

/** What the server sends. Members and types may be added. */
export const serverMessages = {
  welcome: z
    .object({
      type: z.literal('welcome'),
      heartbeatSeconds: z.int().meta({ description: 'Nothing for twice as long: the connection is dead' }),
      topics: z.int().meta({ description: 'That one connection may follow at once' }),
    })
    .meta({ description: 'The first message' }),
  subscribed: z
    .object({ type: z.literal('subscribed'), topic, position: position.nullable() })
    .meta({ description: 'The topic is followed; its messages come after this one' }),
  message: z
    .object({
      type: z.literal('message'),
      topic,
      position,
      event: z.string().meta({
        description: 'What happened, such as `order_paid`; of states `stock`, `attention`, `progress`',
      }),
      data: z.record(z.string(), z.unknown()).meta({ description: 'As the read that shows the same has it' }),
    })
    .meta({ description: 'News of a topic' }),
  position: z
    .object({ type: z.literal('position'), topic, position })
    .meta({ description: 'Nothing has come for a while: go on after this' }),
  unsubscribed: z
    .object({ type: z.literal('unsubscribed'), topic, reason: z.enum(['asked', 'ended']) })
    .meta({
      description: 'Nothing more comes: it was asked for, or the thing has ended and everything was told',
    }),
  error: z
    .looseObject({
      type: z.literal('error'),
      topic: topic.optional(),
      code: z.string().meta({ description: 'Of a problem document' }),
      detail: z.string(),
    })
    .meta({ description: 'A message was refused; with `topic`: that topic is not followed, or no more' }),
  heartbeat: z.object({ type: z.literal('heartbeat') }).meta({ description: 'The connection is alive' }),
  pong: z.object({ type: z.literal('pong') }).meta({ description: 'The answer to a `ping`' }),
} as const;

type ServerMessages = typeof serverMessages;
export type ServerMessage = {
  [Type in keyof ServerMessages]: z.input<ServerMessages[Type]>;
}[keyof ServerMessages];

export const ticket = z
  .object({
    ticket: z
      .string()
      .meta({ description: 'Offer it as the subprotocol `ticket.<ticket>`, beside `holdfast.v1`' }),
    expiresIn: z.int().meta({ description: 'Seconds. It is good once' }),
  })
  .meta({ id: 'LiveTicket' });
