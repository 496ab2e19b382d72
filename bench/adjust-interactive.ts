import type { Pool } from 'pg';

/** One update the way it is usually written: a transaction that locks the row, reads, and writes, a round trip each. */
export async function adjustInteractively(
  pool: Pool,
  update: { sku: string; delta: number; effectId: string },
): Promise<void> {
  const client = await pool.connect();
  const step = (name: string, text: string, values: unknown[]) =>
    client.query<{ product_id: number; on_hand: number; reserved: number }>({
      name: `bench.${name}`,
      text,
      values,
    });
  try {
    await client.query('BEGIN');
    const { rows } = await step(
      'adjust_lock',
      `select s.product_id, s.on_hand, s.reserved from stock s join products p on p.id = s.product_id
       where p.sku = $1 and s.warehouse_id = 1 for no key update of s`,
      [update.sku],
    );
    const [row] = rows;
    if (!row || row.on_hand + update.delta < row.reserved) throw new Error('cannot be applied');
    await step(
      'adjust_update',
      'update stock set on_hand = on_hand + $2 where product_id = $1 and warehouse_id = 1',
      [row.product_id, update.delta],
    );
    await step(
      'adjust_ledger',
      `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, actor)
       values ($1, 1, 'adjust', $2, 0, $3, 'bench', 'bench')`,
      [row.product_id, update.delta, update.effectId],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
