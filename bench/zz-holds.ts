import { openDatabase, rows } from '../platform/database';
import { newId } from '../platform/ids';
import { insertHolds } from '../domain/inventory/reservation-queries';
import { stockUp } from './reserve-interactive';
import { startBenchPostgres } from './servers';

const OLD = `with line as (
       select ($1::uuid[])[hold] as id, ($3::uuid[])[hold] as order_id, product_id, warehouse_id, quantity
       from unnest($7::int[], $8::int[], $9::int[], $10::int[]) as l (hold, product_id, warehouse_id, quantity)
     ), counted as (
       update stock s set reserved = s.reserved + d.quantity, version = s.version + 1
       from (select product_id, warehouse_id, sum(quantity)::int as quantity from line group by 1, 2) d
       where s.product_id = d.product_id and s.warehouse_id = d.warehouse_id
     ), posted as (
       insert into inventory_transactions
         (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id)
       select product_id, warehouse_id, 'reserve', 0, quantity, id, id, order_id from line
     ), held as (
       insert into reservations (id, kind, order_id, status, attempt, expires_at)
       select id, kind, order_id, status, attempt, clock_timestamp() + make_interval(secs => hold_seconds)
       from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::int[], $6::float8[])
         as r (id, kind, order_id, status, attempt, hold_seconds)
       returning id, expires_at
     ), lined as (
       insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       select id, product_id, warehouse_id, quantity, quantity from line
     )
     select id, expires_at as "expiresAt" from held`;
async function main() {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 2, log: server.log });
  await stockUp(db, 1000);
  const batch = () => Array.from({ length: 128 }, (_, n) => ({ id: newId(), kind: 'hold' as const, orderId: null, status: 'pending' as const, attempt: 0, holdSeconds: 900, allocations: [{ productId: 1 + n * 7, warehouseId: 1, quantity: 1 }] }));
  const run = async (f: (tx: any, b: ReturnType<typeof batch>) => Promise<unknown>) => { const b = batch(); const t = performance.now(); await db.transaction((tx) => f(tx, b)); return performance.now() - t; };
  const neu = () => run((tx, b) => insertHolds(tx, b));
  const old = () => run((tx, b) => rows(tx, 'old', OLD, [b.map(h=>h.id), b.map(h=>h.kind), b.map(h=>h.orderId), b.map(h=>h.status), b.map(h=>h.attempt), b.map(h=>h.holdSeconds), b.map((_,i)=>i+1), b.map(h=>h.allocations[0]!.productId), b.map(()=>1), b.map(()=>1)]));
  const res: Record<string, number[]> = { neu: [], old: [], neuNoIndex: [], oldNoIndex: [] };
  for (let i = 0; i < 20; i++) { await neu(); await old(); }
  await db.pool.query('analyze');
  for (const idx of [true, false]) {
    if (!idx) await db.pool.query('drop index reservations_newest');
    for (let i = 0; i < 150; i++) { res[idx ? 'neu' : 'neuNoIndex']!.push(await neu()); res[idx ? 'old' : 'oldNoIndex']!.push(await old()); }
  }
  for (const [k, v] of Object.entries(res)) { v.sort((a, b) => a - b); console.log(k, 'p20', v[30]!.toFixed(2), 'p50', v[75]!.toFixed(2)); }
  await db.close(); await server.stop();
}
void main();
