import { literals } from '../../platform/database/literals';
import { AUTHORIZED_PAYMENT_STATUSES, type RefundStatus } from './types';

/**
 * SQL of whether the planned capture `c` waits for another one of its payment: the gateway makes one at a time. One that was asked for
 * under its present key comes first, since it may be under way: also before an older one that a person lets be tried again.
 */
export const WAITS_FOR_CAPTURE = `exists (select from captures earlier
  where earlier.payment_id = c.payment_id and earlier.status = 'planned'
    and (earlier.is_final is null, earlier.created_at, earlier.id) < (c.is_final is null, c.created_at, c.id))`;

/** Refunds that the gateway has made or is to make: a person gives back, or has given back, the others. */
const DRAWN = ['planned', 'pending', 'succeeded'] as const satisfies readonly RefundStatus[];

/** SQL of whether a person settled a capture of the payment `p`: the gateway may have taken its money all the same. */
export const HAS_SETTLED = settledOf('p');

/**
 * SQL of whether the refund `f` waits for a capture of its payment: the gateway has not taken what it is to give back, or what it took is
 * only known once it has voided the rest.
 */
export const WAITS_FOR_MONEY = `(f.status = 'planned' and exists (select from payments fp
  where fp.id = f.payment_id
    and fp.captured_minor < (select sum(fr.amount_minor) from refunds fr where fr.payment_id = fp.id and fr.status in ${literals(DRAWN)})
    and (exists (select from captures fc where fc.payment_id = fp.id and fc.status in ('planned', 'failed'))
         or fp.status in ${literals(AUTHORIZED_PAYMENT_STATUSES)} and ${settledOf('fp')})))`;

function settledOf(payment: string): string {
  return `exists (select from captures by_hand where by_hand.payment_id = ${payment}.id and by_hand.status = 'settled_by_hand')`;
}
