import { CHECK_IDS } from '../assurance/types';
import type { Queryable } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { selectWaiting, selectWaitingAbout, type WaitingRow } from './attention-queries';
import { WAITING_KINDS, type Waiting, type WaitingKind, type WaitingPosition } from './attention-types';
import { selectRetriable } from './retry-queries';
import { wordsOf, wordsOfUnknown } from './attention-words';

/** A page of everything that waits for a person, longest first. `next` is where the next page begins, or null at the end. */
export async function listWaiting(
  on: Queryable,
  filter: { kind?: WaitingKind | undefined; after?: WaitingPosition | undefined; limit: number },
): Promise<{ items: Waiting[]; next: WaitingPosition | null }> {
  const found = await selectWaiting(on, { ...filter, checks: CHECK_IDS });
  const { shown, next } = cutPage(found, filter.limit, ({ sinceMicros, key }) => ({ sinceMicros, key }));
  return { items: shown.map(asWaiting), next };
}

/**
 * What waits for a person about an order (and everything that belongs to it), a product, or work on some subjects, each as
 * `<work>:<subject>`; longest first.
 */
export async function waitingAbout(
  on: Queryable,
  about: { orderId?: string; sku?: string; subjects?: readonly string[] },
): Promise<Waiting[]> {
  const { orderId = null, sku = null, subjects = [] } = about;
  const failed = orderId === null ? [] : await selectRetriable(on, orderId);
  const work = failed.map(({ what, id }) => `${what}:${id}`);
  return (await selectWaitingAbout(on, { orderId, sku, subjects: [...subjects, ...work] })).map(asWaiting);
}

function asWaiting(row: WaitingRow): Waiting {
  const { kind, subjectType: type, subjectId: id, since, deadline, alertId, acknowledgedBy } = row;
  const known = WAITING_KINDS.find((one) => one === kind);
  const words = known ? wordsOf(known, row) : wordsOfUnknown(row);
  return { kind, subject: { type, id }, since, deadline, ...words, alertId, acknowledgedBy };
}
