import { derivedId } from '../../../platform/ids';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import { PAYMENT_STATUSES_IN_FLIGHT } from '../../payments/types';
import { NOT_HOLDING } from '../held-sql';
import { LIVE_RESERVATION_STATUSES } from '../../stock/reservations/types';

/** Blocks of the repair script. Each looks again under the locks that it takes, in the one lock order, before it writes. */

const LIVE = literals(LIVE_RESERVATION_STATUSES);
const OPEN = literals(OPEN_ORDER_STATUSES);

/** As SQL. What comes from the database may hold anything. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function block(declarations: string, body: string): string {
  return `do $repair$\ndeclare\n${declarations}\nbegin\n${body}\nend $repair$;`;
}

/** A run that takes longer counts the months of the ledger again, and so does one that comes later. */
const COUNTED_FOR = '1 hour';

/** Counters of a stock row: what the ledger and the live reservations say. */
export function repairCounters(jobId: string, productId: number, warehouseId: number): string {
  const here = `product_id = ${productId} and warehouse_id = ${warehouseId}`;
  const effect = derivedId('consistency-repair', jobId, productId, warehouseId);
  return block(
    `  s stock;
  ledger_on_hand bigint;
  ledger_reserved bigint;
  held bigint;
  fault text;`,
    `  -- No month is summed up meanwhile.
  perform pg_advisory_xact_lock_shared(hashtext('fold_ledger_partition'));
  -- What is sealed does not change any more: it is read before anything is locked. Months are counted once in a run.
  fault := ledger_place_fault(${productId}, ${warehouseId});
  if fault is null and not exists (
    select from ledger_counts where job_id = '${jobId}' and counted_at > clock_timestamp() - interval '${COUNTED_FOR}') then
    fault := ledger_months_fault();
    if fault is null then
      -- A script outlives its check: then months are counted for each place.
      insert into ledger_counts (job_id, counted_at) select id, clock_timestamp() from jobs where id = '${jobId}'
        on conflict (job_id) do update set counted_at = excluded.counted_at;
    end if;
  end if;
  if fault is not null then
    raise exception 'For a person, before anything is repaired: %. See holdfast verify --seals', fault using errcode = 'data_corrupted';
  end if;
  insert into stock (product_id, warehouse_id) values (${productId}, ${warehouseId}) on conflict do nothing;
  select * into s from stock where ${here} for no key update;
  select coalesce(sum(on_hand), 0), coalesce(sum(reserved), 0) into ledger_on_hand, ledger_reserved from (
    select sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved from inventory_transactions where ${here}
    union all select on_hand, reserved from ledger_opening where ${here}) l;
  select coalesce(sum(l.open_quantity), 0) into held
    from reservation_lines l join reservations r on r.id = l.reservation_id
    where l.product_id = ${productId} and l.warehouse_id = ${warehouseId} and r.status in ${LIVE};
  if s.on_hand = ledger_on_hand and s.reserved = held and ledger_reserved = held then return; end if;
  if ledger_on_hand < held then
    raise warning 'For a person: % are on hand by the ledger, but % are held. Count the place first.', ledger_on_hand, held;
    return;
  end if;
  if ledger_reserved <> held then
    if exists (select from ledger_keys where key = 'repair:${effect}') then
      raise warning 'This repair was made before, and the row has drifted again since: run a new check.';
      return;
    end if;
    insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, reference, actor)
      values (${productId}, ${warehouseId}, 'repair', 0, held - ledger_reserved, '${effect}',
              'reserved set to the open units of live reservations', 'job:${jobId}', 'repair');
  end if;
  -- No entry of the ledger says so: what was decided by the row as it was is decided again.
  update stock set on_hand = ledger_on_hand, reserved = held, corrections = corrections + 1 where ${here};
  perform keep_for_backorders(${productId}, ${warehouseId}, 
    least(ledger_on_hand - held - s.on_hand + s.reserved, 2147483647)::int);`,
  );
}

/** Keeps free units of a stock row for the backorders that wait for them. */
export function keepForBackorders(productId: number, warehouseId: number): string {
  return block(
    `  free int;
  wanted bigint;`,
    `  select available into free from stock
    where product_id = ${productId} and warehouse_id = ${warehouseId} for no key update;
  select coalesce((select sum(waiting) from backorders where product_id = ${productId} and waiting > 0), 0)
    - coalesce((select sum(l.open_quantity) from reservations r join reservation_lines l on l.reservation_id = r.id
                where r.kind = 'allocation' and r.status = 'pending' and l.product_id = ${productId}), 0) into wanted;
  perform keep_for_backorders(${productId}, ${warehouseId}, least(free, wanted)::int);`,
  );
}

/** Releases a reservation that nothing else will end. */
export function releaseReservation(jobId: string, reservationId: string): string {
  const effect = derivedId('consistency-repair', jobId, reservationId);
  const lines = `reservation_lines where reservation_id = h.id and open_quantity > 0`;
  return block(
    `  h reservations;
  line record;`,
    `  select * into h from reservations where id = '${reservationId}' for no key update;
  if h.id is null or h.status not in ${LIVE} then return; end if;
  if h.kind = 'order' and exists (select from orders where id = h.order_id and status in ${OPEN}) then return; end if;
  if h.kind <> 'order' and (h.status <> 'pending' or h.expires_at is null or h.expires_at > clock_timestamp()) then return; end if;
  if exists (select from payments where reservation_id = h.id and status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}) then
    raise warning 'For a person: a charge for reservation % is not resolved.', h.id;
    return;
  end if;
  perform from stock s where (s.product_id, s.warehouse_id) in (select product_id, warehouse_id from ${lines})
    order by s.product_id, s.warehouse_id for no key update;
  insert into inventory_transactions
    (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id, reason, reference, actor)
    select product_id, warehouse_id, 'repair', 0, -open_quantity, '${effect}', h.id, h.order_id, 'orphaned reservation released',
           'job:${jobId}', 'repair' from ${lines};
  update stock s set reserved = s.reserved - l.open_quantity
    from (select product_id, warehouse_id, open_quantity from ${lines}) l
    where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id;
  for line in select product_id, warehouse_id, open_quantity from ${lines} order by 1, 2 loop
    perform keep_for_backorders(line.product_id, line.warehouse_id, line.open_quantity);
  end loop;
  perform from orders where id = h.order_id for no key update;
  update order_items i
    set reserved_quantity = i.reserved_quantity - l.units, cancelled_quantity = i.cancelled_quantity + l.units
    from (select product_id, sum(open_quantity) as units from ${lines} group by 1) l
    where i.order_id = h.order_id and i.product_id = l.product_id and i.reserved_quantity >= l.units;
  with counted as (
    update orders set event_seq = event_seq + 1, updated_at = clock_timestamp() where id = h.order_id returning id, event_seq)
  insert into order_events (order_id, seq, type, data)
    select id, event_seq, 'hold_released', jsonb_build_object('reservationId', h.id, 'jobId', '${jobId}') from counted;
  update reservation_lines set open_quantity = 0 where reservation_id = h.id and open_quantity > 0;
  update reservations set status = case when h.kind = 'order' then 'cancelled' else 'expired' end, updated_at = clock_timestamp()
    where id = h.id;`,
  );
}

/** Closes the lines of a reservation that ended. */
export function closeEndedReservation(reservationId: string): string {
  return block(
    '  h reservations;',
    `  select * into h from reservations where id = '${reservationId}' for no key update;
  if h.id is null or h.status in ${LIVE} then return; end if;
  perform from stock s
    where (s.product_id, s.warehouse_id) in (select product_id, warehouse_id from reservation_lines where reservation_id = h.id)
    order by s.product_id, s.warehouse_id for no key update;
  update reservation_lines set open_quantity = 0 where reservation_id = h.id and open_quantity <> 0;`,
  );
}

/** Deletes lines of a reservation that does not exist. */
export function deleteLines(reservationId: string): string {
  return block(
    `  reservation uuid := '${reservationId}';`,
    `  if exists (select from reservations where id = reservation) then return; end if;
  perform from stock s
    where (s.product_id, s.warehouse_id) in (select product_id, warehouse_id from reservation_lines where reservation_id = reservation)
    order by s.product_id, s.warehouse_id for no key update;
  delete from reservation_lines where reservation_id = reservation;`,
  );
}

export function writeKey(key: string): string {
  return `insert into ledger_keys (key) values (${literal(key)}) on conflict do nothing;`;
}

export function readyMessage(outboxId: number): string {
  return `update outbox set attempts = 0, available_at = clock_timestamp()
  where id = ${outboxId} and (attempts > 0 or available_at > clock_timestamp());`;
}

/** Lets a shipment be booked that an amendment holds which is not under way. An amendment begins and ends under the order's reservations. */
export function letBook(orderId: string, shipmentId: string): string {
  return block(
    '  s shipments;',
    `  perform from reservations where order_id = '${orderId}' order by id for no key update;
  select * into s from shipments where id = '${shipmentId}' for no key update;
  if s.held_by is null or exists (
    select from order_amendments a where a.id = s.held_by and a.order_id = s.order_id and not ${NOT_HOLDING}) then return; end if;
  update shipments set held_by = null where id = s.id;
  insert into outbox (topic, key) values ('shipments.ready', '');`,
  );
}

/** Asks for an order's workflow to look at its rows again, once. */
export function wakeSaga(orderId: string): string {
  return `insert into outbox (topic, key)
  select 'order.wake', id::text from orders where id = '${orderId}'
    and not exists (select from outbox where topic = 'order.wake' and key = '${orderId}');`;
}

export function enableTrigger(table: string, name: string): string {
  return block(
    `  guarded regclass := ${literal(table)};`,
    `  if exists (select from pg_trigger where tgrelid = guarded and tgname = ${literal(name)} and tgenabled not in ('O', 'A')) then
    execute format('alter table %s enable trigger %I', guarded, ${literal(name)});
  end if;`,
  );
}

export function validateConstraint(table: string, name: string): string {
  return block(
    `  guarded regclass := ${literal(table)};`,
    `  if exists (select from pg_constraint where conrelid = guarded and conname = ${literal(name)} and not convalidated) then
    execute format('alter table %s validate constraint %I', guarded, ${literal(name)});
  end if;`,
  );
}
