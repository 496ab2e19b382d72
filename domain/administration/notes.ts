import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { pageIn, withoutMicros, type Page, type PageRequest } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { lockOrders } from '../orders/lock';
import {
  deleteNote,
  deleteTag,
  insertNote,
  insertTag,
  selectNote,
  selectNoted,
  selectNotes,
  selectStaffRows,
  selectTags,
  type NotedOrder,
} from './note-queries';
import { MAX_TAGS, type OrderNote, type StaffView } from './types';

/** A change by somebody of the staff to what is noted about an order. */
interface OrderChange {
  orderId: string;
  actor: string;
}

/**
 * Notes something about an order. Again with the same id it changes nothing, and returns the note as it is.
 *
 * @throws AppError `UNKNOWN_ORDER`, `ORDER_ERASED`
 */
export async function addNote(
  db: Database,
  note: OrderChange & { id: string; text: string },
): Promise<OrderNote> {
  return db.retrying(async (tx) => {
    await expectOrder(tx, note.orderId);
    if (await insertNote(tx, note))
      // Not its text, which may name people.
      await recordChange(tx, {
        actor: note.actor,
        action: 'order.noted',
        subject: { type: 'order', id: note.orderId },
        after: { noteId: note.id },
      });
    const added = await selectNote(tx, { orderId: note.orderId, noteId: note.id });
    if (!added) throw new AppError('UNKNOWN_ORDER', 'The note is of another order.');
    return added;
  });
}

/** Removes a note for good. Returns whether there was one. */
export function removeNote(
  db: Database,
  { orderId, noteId, actor }: OrderChange & { noteId: string },
): Promise<boolean> {
  return db.retrying(async (tx) => {
    const deleted = await deleteNote(tx, { orderId, noteId });
    if (deleted)
      await recordChange(tx, {
        actor,
        action: 'order.note_removed',
        subject: { type: 'order', id: orderId },
        before: { noteId },
      });
    return deleted;
  });
}

/** Notes of an order, newest first. */
export async function listNotes(
  db: Database,
  filter: PageRequest & { orderId: string },
): Promise<Page<OrderNote>> {
  return pageIn(await selectNotes(db, filter), filter.limit, withoutMicros);
}

/**
 * Gives an order a tag. Again it changes nothing.
 *
 * @returns the tags afterwards
 * @throws AppError `UNKNOWN_ORDER`, `ORDER_ERASED`, `TAGS_EXCEEDED`
 */
export function addTag(db: Database, change: OrderChange & { tag: string }): Promise<string[]> {
  return db.retrying(async (tx) => {
    const { customerId } = await expectOrder(tx, change.orderId);
    const isNew = await insertTag(tx, change);
    const tags = await selectTags(tx, change.orderId);
    if (tags.length > MAX_TAGS)
      throw new AppError('TAGS_EXCEEDED', `An order has at most ${MAX_TAGS} tags.`, { limit: MAX_TAGS });
    if (isNew)
      await recordTags(tx, change, {
        customerId,
        before: tags.filter((tag) => tag !== change.tag),
        after: tags,
      });
    return tags;
  });
}

/**
 * Takes a tag from an order. Again it changes nothing.
 *
 * @returns the tags afterwards
 * @throws AppError `UNKNOWN_ORDER`
 */
export function removeTag(db: Database, change: OrderChange & { tag: string }): Promise<string[]> {
  return db.retrying(async (tx) => {
    const { customerId } = await expectOrder(tx, change.orderId);
    const before = await selectTags(tx, change.orderId);
    await deleteTag(tx, change);
    const after = before.filter((tag) => tag !== change.tag);
    await recordTags(tx, change, { customerId, before, after });
    return after;
  });
}

/** What only staff see of these orders, by order. Those that do not exist are left out. */
export async function readStaffViews(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, StaffView>> {
  const rows = orderIds.length === 0 ? [] : await selectStaffRows(on, orderIds);
  return new Map(rows.map(({ orderId, owner, tags, notes }) => [orderId, { owner, tags, noteCount: notes }]));
}

/** How many tags there are; their text, which may name people, is among the personal values of the customer. */
async function recordTags(
  tx: Transaction,
  { orderId, actor }: OrderChange,
  { customerId, before, after }: { customerId: string; before: string[]; after: string[] },
): Promise<void> {
  await recordChange(tx, {
    actor,
    action: 'order.tagged',
    subject: { type: 'order', id: orderId },
    before: { tags: before.length },
    after: { tags: after.length },
    personal: { person: `user:${customerId}`, before: { tags: before }, after: { tags: after } },
  });
}

/** Locks the order, so that changes of what is noted about it come one after the other. */
async function expectOrder(tx: Transaction, orderId: string): Promise<NotedOrder> {
  await lockOrders(tx, [orderId]);
  const order = await selectNoted(tx, orderId);
  if (!order) throw new AppError('UNKNOWN_ORDER', 'There is no such order.');
  // Nothing would erase it once more.
  if (order.isErased)
    throw new AppError('ORDER_ERASED', 'The customer was erased: nothing more is noted about the order.');
  return order;
}
