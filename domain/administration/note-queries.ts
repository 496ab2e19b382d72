import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import type { OrderNote } from './types';

const NOTE = `n.id, n.text, n.actor, ${utc('n.created_at')} as at`;

export interface NoteRow extends OrderNote {
  createdAtMicros: string;
}

/** An order as it matters to what is noted about it. */
export interface NotedOrder {
  customerId: string;
  /** Its personal values were erased. */
  isErased: boolean;
}

export function selectNoted(on: Queryable, orderId: string): Promise<NotedOrder | undefined> {
  return maybeOne<NotedOrder>(
    on,
    'order_notes.noted',
    'select customer_id as "customerId", erased_at is not null as "isErased" from orders where id = $1',
    [orderId],
  );
}

/** Returns whether it was added: one with this id may be there. */
export async function insertNote(
  tx: Transaction,
  note: { id: string; orderId: string; text: string; actor: string },
): Promise<boolean> {
  const added = await execute(
    tx,
    'order_notes.insert',
    'insert into order_notes (id, order_id, text, actor) values ($1, $2, $3, $4) on conflict (id) do nothing',
    [note.id, note.orderId, note.text, note.actor],
  );
  return added > 0;
}

export function selectNote(
  on: Queryable,
  { orderId, noteId }: { orderId: string; noteId: string },
): Promise<OrderNote | undefined> {
  return maybeOne<OrderNote>(
    on,
    'order_notes.find',
    `select ${NOTE} from order_notes n where n.id = $1 and n.order_id = $2`,
    [noteId, orderId],
  );
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectNotes(db: Database, filter: PageRequest & { orderId: string }): Promise<NoteRow[]> {
  const query = db
    .builder('order_notes as n')
    .select(db.builder.raw(`${NOTE}, ${utcMicros('n.created_at')} as "createdAtMicros"`))
    .where('n.order_id', filter.orderId);
  return db.list<NoteRow>(newestFirst(query, { time: 'n.created_at', id: 'n.id' }, filter));
}

/** Returns whether it was there. */
export async function deleteNote(
  tx: Transaction,
  { orderId, noteId }: { orderId: string; noteId: string },
): Promise<boolean> {
  const deleted = await execute(
    tx,
    'order_notes.delete',
    'delete from order_notes where id = $1 and order_id = $2',
    [noteId, orderId],
  );
  return deleted > 0;
}

export async function selectTags(on: Queryable, orderId: string): Promise<string[]> {
  const found = await many<{ tag: string }>(
    on,
    'order_tags.of_order',
    'select tag from order_tags where order_id = $1 order by tag collate "C"',
    [orderId],
  );
  return found.map(({ tag }) => tag);
}

/** Returns whether it was added: the order may have it. */
export async function insertTag(
  tx: Transaction,
  { orderId, tag, actor }: { orderId: string; tag: string; actor: string },
): Promise<boolean> {
  const added = await execute(
    tx,
    'order_tags.insert',
    'insert into order_tags (order_id, tag, actor) values ($1, $2, $3) on conflict (order_id, tag) do nothing',
    [orderId, tag, actor],
  );
  return added > 0;
}

/** Returns whether it was there. */
export async function deleteTag(
  tx: Transaction,
  { orderId, tag }: { orderId: string; tag: string },
): Promise<boolean> {
  const deleted = await execute(
    tx,
    'order_tags.delete',
    'delete from order_tags where order_id = $1 and tag = $2',
    [orderId, tag],
  );
  return deleted > 0;
}

/** What only staff see of orders. */
export interface StaffRow {
  orderId: string;
  owner: string;
  tags: string[];
  notes: number;
}

export function selectStaffRows(on: Queryable, orderIds: readonly string[]): Promise<StaffRow[]> {
  return many<StaffRow>(
    on,
    'order_notes.staff_rows',
    `select o.id as "orderId", o.owner,
       coalesce((select json_agg(t.tag order by t.tag collate "C") from order_tags t where t.order_id = o.id), '[]') as tags,
       (select count(*) from order_notes n where n.order_id = o.id) as notes
     from orders o where o.id = any ($1::uuid[])`,
    [orderIds],
  );
}
