import type { Principal } from '../../domain/identity/types';
import { eventFor } from '../../domain/orders/customer-events';
import type { StockReader } from '../../domain/stock/availability/stock-reader';
import type { Queryable } from '../../platform/database/database';
import {
  AVAILABILITY,
  expectAccess,
  expectOwn,
  mayCall,
  OPERATORS,
  OWN_JOB,
  OWN_ORDER,
  READ_INVENTORY,
  type Access,
  type AccessControl,
} from '../http/access';
import { invalid, notFound } from '../http/problems';
import { sku, uuid } from '../schemas/common';
import { alertSource } from './alert-source';
import { attentionSource, type AttentionReader } from './attention-source';
import type { ChangeFeed } from './change-feed';
import type { EventKeys } from './event-keys';
import type { Followed, FollowedPage } from './follow-by-position';
import { jobSource } from './job-source';
import { orderSource, type OrderEventReader } from './order-source';
import { stockSource } from './stock-source';

/** What somebody may follow by name. */
export type Topic =
  { kind: 'orders' | 'jobs' | 'inventory'; id: string } | { kind: 'alerts' | 'attention'; id: null };

/** Each with the rule of the reads that show the same. */
const ACCESS: Readonly<Record<Topic['kind'], Access>> = {
  orders: OWN_ORDER,
  jobs: OWN_JOB,
  inventory: AVAILABILITY,
  alerts: OPERATORS,
  attention: OPERATORS,
};

const IDS = { orders: uuid, jobs: uuid, inventory: sku } as const;

/** The topic that a text names: `orders:{id}`, `jobs:{id}`, `inventory:{sku}`, `alerts`, `attention`. Null: none. */
export function parseTopic(text: string): Topic | null {
  if (text === 'alerts' || text === 'attention') return { kind: text, id: null };
  const at = text.indexOf(':');
  const kind = text.slice(0, at);
  if (kind !== 'orders' && kind !== 'jobs' && kind !== 'inventory') return null;
  const id = IDS[kind].safeParse(text.slice(at + 1));
  return id.success ? { kind, id: id.data } : null;
}

/** The topic that a client names. @throws AppError `VALIDATION_FAILED` */
export function topicNamed(text: string): Topic {
  const topic = parseTopic(text);
  if (topic) return topic;
  throw invalid([
    { path: 'topic', message: 'must be orders:{id}, jobs:{id}, inventory:{sku}, alerts or attention' },
  ]);
}

/** The same for every spelling of it. */
export function topicName({ kind, id }: Topic): string {
  return id === null ? kind : `${kind}:${id}`;
}

/** What topics are made of. */
export interface Topics {
  /**
   * Refuses who may not read what a topic shows.
   *
   * @throws AppError `NOT_ALLOWED`; `NOT_FOUND` for what is not theirs, as if it were not there
   */
  expectMayFollow(topic: Topic, principal: Principal): Promise<void>;
  /** A topic as somebody sees it who may follow it. */
  open(topic: Topic, principal: Principal): Followed;
}

export interface TopicParts {
  db: Queryable;
  access: Pick<AccessControl, 'isOwned'>;
  orderEvents: OrderEventReader;
  orderChanges: ChangeFeed;
  jobChanges: ChangeFeed;
  stockReader: StockReader;
  eventKeys: EventKeys;
  readAttention: AttentionReader;
}

export function createTopics(parts: TopicParts): Topics {
  return {
    async expectMayFollow({ kind, id }, principal) {
      const access = ACCESS[kind];
      expectAccess(access, principal);
      if (id !== null) await expectOwn(parts.access, access, id, principal);
    },
    open(topic, principal) {
      switch (topic.kind) {
        case 'orders':
          return orderSource(parts, topic.id, eventFor(principal));
        case 'jobs':
          return jobSource(parts, topic.id);
        case 'inventory':
          return stockSource(parts, topic.id, { isWhole: mayCall(READ_INVENTORY, principal) });
        case 'alerts':
          return alertSource(parts);
        case 'attention':
          return attentionSource(parts);
      }
    },
  };
}

const NO_SUCH: Readonly<Record<Topic['kind'], string>> = {
  orders: 'There is no such order.',
  jobs: 'There is no such job.',
  inventory: 'There is no such product.',
  alerts: 'There are no alerts.',
  attention: 'Nothing can wait for a person.',
};

/**
 * The first page of a topic that somebody may follow.
 *
 * @throws AppError `NOT_FOUND`, `EVENTS_EXPIRED` where what came after this position is kept no more, `EVENTS_AHEAD`
 */
export async function readFirst(
  followed: Followed,
  { kind }: Topic,
  after: number | undefined,
): Promise<FollowedPage> {
  const first = await followed.read(after);
  if (!first) throw notFound(NO_SUCH[kind]);
  return first;
}
