import { literals } from '../../../platform/database/literals';
import { PAYOUT_KINDS } from '../../money/types';
import { TAKING_DISPUTE_STATUSES } from '../../payments/types';
import { unpostedPayments } from '../../payments/unposted-sql';
import { isLine, owedBy } from '../../payouts/lines-sql';
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
      'For a person: money is never moved by a script. What a version from before the ledger has taken, or given back, is posted by itself, also after it ran once more: the next run finds none of it.',
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
  {
    id: 'payouts',
    title: 'Payouts pay what merchants are owed, and the money ledger has each of their steps',
    severity: 'critical',
    finding:
      'A payout: payoutId, status, what (lines: its lines do not come to its amount; entries: the ledger has other steps of it), minor (its amount), ledgerMinor (its lines), steps (of the ledger); or steps of a payout that there is not',
    repair:
      'For a person: money is never moved by a script. Cancel the payout where it is not paid, and make it anew.',
    statement: ({ since }) => ({
      name: 'consistency.payouts',
      text: `with payout as (
          select p.* from payouts p
          where $1::timestamptz is null or greatest(p.created_at, p.approved_at, p.paid_at, p.cancelled_at) >= $1
        ), line as (
          select p.id, coalesce(sum(${owedBy('l')}), 0) as minor, count(l.id) as lines
          from payout p left join payouts b on b.id = p.after
          left join money_ledger l on ${isLine({ merchant: 'p.merchant_id', currency: 'p.currency', cut: 'p', before: 'b' })}
          group by 1
        ), step as (
          select l.source_id, string_agg(l.kind, ', ' order by l.kind) as steps,
            min(l.amount_minor) as least, max(l.amount_minor) as most, min(l.merchant_id) as merchant_id, min(l.currency) as currency
          from money_ledger l
          where l.kind in ${literals(PAYOUT_KINDS)} and ($1::timestamptz is null or l.source_id in (select id from payout)) group by 1
        ), wrong as (
          select p.id, 'lines' as what, l.minor, null as steps
          from payout p join line l using (id) where (p.amount_minor, p.line_count) is distinct from (l.minor, l.lines)
          union all
          select coalesce(p.id, s.source_id), 'entries', null, s.steps
          from payout p full join step s on s.source_id = p.id
          where p.id is null or s.source_id is null
            or (s.least, s.most, s.merchant_id, s.currency) <> (p.amount_minor, p.amount_minor, p.merchant_id, p.currency)
            or s.steps <> case p.status when 'paid' then 'payout, payout_pending' when 'cancelled' then 'payout_pending, payout_voided'
                                        else 'payout_pending' end
        )
        select 'payout:' || w.id || ':' || w.what as subject,
          jsonb_build_object('payoutId', w.id, 'status', p.status, 'what', w.what, 'minor', p.amount_minor, 'ledgerMinor', w.minor,
            'steps', w.steps) as details
        from wrong w left join payout p on p.id = w.id order by 1`,
      values: [since],
    }),
  },
];
