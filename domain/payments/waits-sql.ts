/** SQL of whether the planned capture `c` waits for another one of its payment: the gateway makes one at a time. */
export const WAITS_FOR_CAPTURE = `exists (select from captures earlier
  where earlier.payment_id = c.payment_id and earlier.status = 'planned' and (earlier.created_at, earlier.id) < (c.created_at, c.id))`;

/** SQL of whether the refund `f` waits for a capture of its payment: the gateway has not taken what it is to give back. */
export const WAITS_FOR_MONEY = `(f.status = 'planned' and exists (select from payments fp
  where fp.id = f.payment_id and fp.captured_minor < fp.refund_planned_minor
    and exists (select from captures fc where fc.payment_id = fp.id and fc.status in ('planned', 'failed'))))`;
