import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import type { CheckId, CheckRun } from '../../domain/assurance/types';
import type { Queryable } from '../../platform/database/database';

/** Checks of the product that do not hold after every transaction (docs/architecture.md, "Data"): all others do. */
const NOT_ALWAYS: ReadonlySet<CheckId> = new Set([
  'guards',
  'orphaned_holds',
  'order_payments',
  'transfers_lost_units',
  'outbox_stuck',
]);

const EVERYTHING: CheckRun = {
  mode: 'full',
  limit: 10,
  graceSeconds: 0,
  since: null,
  summedUp: { xid: 0, id: 0 },
};

/** What must hold as well once nothing is under way. */
const AT_REST: Readonly<Record<string, string>> = {
  'no charge or refund is open': `
    select id, order_id, status from payments where status in ('pending', 'unknown')
    union all select id, order_id, status from refunds where status = 'pending'`,
  'no order is open': `select id, status from orders where status in ('reserved', 'paid', 'fulfilling')`,
  'what was captured and not refunded is worth exactly what shipped': `
    select p.order_id, p.id, p.amount_minor, p.refunded_minor, shipped.worth
    from payments p
    left join lateral (
      select coalesce(sum(si.quantity * i.unit_price_minor), 0) as worth
      from shipments s join shipment_items si on si.shipment_id = s.id
      join order_items i on i.order_id = s.order_id and i.product_id = si.product_id
      where s.reservation_id = p.reservation_id and s.status in ('picked_up', 'delivered')) shipped on true
    where p.status in ('captured', 'refunded', 'partially_refunded') and p.amount_minor - p.refunded_minor <> shipped.worth`,
  'the sandbox gateway captured each payment once, and gave back what our books say': `
    select p.id, p.status, p.amount_minor, c.amount_minor as charged, p.refunded_minor, r.refunded
    from payments p
    left join sandbox_gateway.charges c on c.idempotency_key = p.id::text and c.status = 'captured'
    left join (select charge_ref, sum(amount_minor) as refunded from sandbox_gateway.refunds group by 1) r on r.charge_ref = c.ref
    where p.gateway = 'sandbox' and p.amount_minor > 0
      and ((p.status in ('captured', 'refunded', 'partially_refunded')) <> (c.ref is not null)
           or coalesce(r.refunded, 0) <> p.refunded_minor)`,
};

/** Fails, naming the check and the rows, when stock, ledger, holds, items or events disagree. To be called after every database test. */
export async function expectInvariants(db: Queryable): Promise<void> {
  for (const check of SQL_CHECKS.values()) {
    if (NOT_ALWAYS.has(check.id)) continue;
    expectNone(check.title, (await db.query(statementOf(check, EVERYTHING))).rows);
  }
}

/** The same, and that money and shipments agree: for when every order has ended. */
export async function expectAtRest(db: Queryable): Promise<void> {
  await expectInvariants(db);
  for (const [rule, text] of Object.entries(AT_REST)) {
    expectNone(rule, (await db.query({ name: `invariant ${rule}`.slice(0, 60), text })).rows);
  }
}

function expectNone(rule: string, rows: readonly unknown[]): void {
  if (rows.length > 0) throw new Error(`Broken: ${rule}.\n${JSON.stringify(rows.slice(0, 10), null, 2)}`);
}
