import { literals } from '../../../platform/database/literals';
import { TAKING_DISPUTE_STATUSES } from '../../payments/types';
import { unpostedPayments } from '../../payments/unposted-sql';
import type { SqlCheck } from '../types';

/** Orders that were not touched since the last run are left out of an incremental one. */
const RECENT = `($1::timestamptz is null or o.updated_at >= $1)`;

/** Payments and the money ledger against each other, after every transaction. */
export const MONEY_CHECKS: readonly SqlCheck[] = [
  {
    id: 'money_ledger',
    title: 'Payments and the money ledger agree to the cent',
    severity: 'critical',
    finding:
      'A payment: orderId, paymentId, currency, what (captured, refunded, disputed), minor (by the payment, its captures, refunds and disputes), ledgerMinor (by the ledger); or rows of the ledger of a payment that there is not',
    repair:
      'For a person: money is never moved by a script. What was captured by a version from before the ledger is posted by itself within two hours.',
    statement: ({ since }) => ({
      name: 'consistency.money_ledger',
      text: `with payment as (
          select p.id, p.order_id, p.currency, p.captured_minor, p.refunded_minor
          from orders o join payments p on p.order_id = o.id where ${RECENT}
        ), ledger as (
          select l.payment_id, l.currency,
            sum(case when l.kind = 'capture' then l.amount_minor else 0 end) as captured,
            sum(case l.kind when 'refund' then l.amount_minor when 'refund_failed' then -l.amount_minor else 0 end) as refunded,
            sum(case l.kind when 'dispute' then l.amount_minor when 'dispute_reversed' then -l.amount_minor else 0 end) as disputed
          from money_ledger l where $1::timestamptz is null or l.payment_id in (select id from payment) group by 1, 2
        ), known as (
          select id as payment_id, currency, captured_minor as captured, refunded_minor as refunded, 0::bigint as disputed from payment
          union all
          select p.id, d.currency, 0, 0, sum(d.amount_minor)
          from payment p join disputes d on d.payment_id = p.id where d.status in ${literals(TAKING_DISPUTE_STATUSES)} group by 1, 2
        ), by_payment as (
          select payment_id, currency, sum(captured) as captured, sum(refunded) as refunded, sum(disputed) as disputed
          from known group by 1, 2
        ), wrong as (
          select coalesce(k.payment_id, l.payment_id) as payment_id, coalesce(k.currency, l.currency) as currency, w.what, w.minor, w.ledger
          from by_payment k full join ledger l on l.payment_id = k.payment_id and l.currency = k.currency
          cross join lateral (values ('captured', coalesce(k.captured, 0), coalesce(l.captured, 0)),
            ('refunded', coalesce(k.refunded, 0), coalesce(l.refunded, 0)),
            ('disputed', coalesce(k.disputed, 0), coalesce(l.disputed, 0))) as w (what, minor, ledger)
          where w.minor <> w.ledger
        )
        select 'payment:' || w.payment_id || ':' || w.what || ':' || trim(w.currency) as subject,
          jsonb_build_object('orderId', p.order_id, 'paymentId', w.payment_id, 'what', w.what, 'minor', w.minor,
            'ledgerMinor', w.ledger, 'currency', trim(w.currency)) as details
        from wrong w left join payment p on p.id = w.payment_id
        where w.payment_id not in (${unpostedPayments('select * from payments where id in (select payment_id from wrong)')})
        order by 1`,
      values: [since],
    }),
  },
];
