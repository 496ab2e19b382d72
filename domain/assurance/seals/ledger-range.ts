/** A ledger row's transaction as a number: what the index `inventory_transactions_by_xid` holds. */
export const XID = 'xid::text::bigint';

/** Rows after a position. The first condition alone can use the index, whose page ranges know nothing of pairs. */
export function afterPosition(xid: string, id: string, row = 't'): string {
  return `${row}.${XID} >= ${xid} and (${row}.${XID}, ${row}.id) > (${xid}, ${id})`;
}

/** Rows up to and with a position. */
export function upToPosition(xid: string, id: string, row = 't'): string {
  return `${row}.${XID} <= ${xid} and (${row}.${XID}, ${row}.id) <= (${xid}, ${id})`;
}
