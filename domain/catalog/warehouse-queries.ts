import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { Versioned, Warehouse, WarehouseFields } from './types';

/** All warehouses, also inactive ones, by the bytes of their code. */
export function selectWarehouses(on: Queryable): Promise<Warehouse[]> {
  return many<Warehouse>(
    on,
    'catalog.warehouses',
    `select id, code, name, type, address, latitude, longitude, region, priority, active, opening
     from warehouses order by code ${BYTEWISE}`,
  );
}

export function selectWarehouseId(on: Queryable, code: string): Promise<{ id: number } | undefined> {
  return maybeOne(on, 'catalog.warehouse_id', 'select id from warehouses where code = $1', [code]);
}

/** Warehouses that orders are placed from. */
export function selectActive(on: Queryable): Promise<{ id: number }[]> {
  return many(on, 'catalog.active_warehouses', 'select id from warehouses where active');
}

/** Those of these from which units that come free are given to who waits for them. */
export function selectServing(on: Queryable, ids: readonly number[]): Promise<{ id: number }[]> {
  return many(
    on,
    'catalog.serving_warehouses',
    'select id from warehouses where (active or opening) and id = any ($1::int[])',
    [ids],
  );
}

/** Returns 0 where it is closed already. */
export function updateClosed(tx: Transaction, id: number): Promise<number> {
  return execute(
    tx,
    'catalog.close_warehouse',
    `update warehouses set active = false, opening = false, version = version + 1, updated_at = clock_timestamp()
     where id = $1 and (active or opening)`,
    [id],
  );
}

/** Returns 0 where it is open, or being opened, already. */
export function updateOpening(tx: Transaction, id: number): Promise<number> {
  return execute(
    tx,
    'catalog.begin_opening',
    `update warehouses set opening = true, version = version + 1, updated_at = clock_timestamp()
     where id = $1 and not active and not opening`,
    [id],
  );
}

/** Orders are placed from it, if nobody has closed it meanwhile. */
export function updateActive(on: Queryable, id: number): Promise<number> {
  return execute(
    on,
    'catalog.activate_warehouse',
    `update warehouses set active = true, version = version + 1, updated_at = clock_timestamp()
     where id = $1 and opening and not active`,
    [id],
  );
}

export function updateOpened(on: Queryable, id: number): Promise<number> {
  return execute(
    on,
    'catalog.finish_opening',
    'update warehouses set opening = false where id = $1 and opening and active',
    [id],
  );
}

export function insertWarehouseEvent(
  tx: Transaction,
  event: { warehouseId: number; type: 'closed' | 'opened'; actor: string; reason: string | null },
): Promise<number> {
  return execute(
    tx,
    'catalog.insert_warehouse_event',
    'insert into warehouse_events (warehouse_id, type, actor, reason) values ($1, $2, $3, $4)',
    [event.warehouseId, event.type, event.actor, event.reason],
  );
}

/** Warehouses whose opening was begun and not finished. */
export function selectOpening(on: Queryable): Promise<{ id: number; code: string }[]> {
  return many(on, 'catalog.opening_warehouses', 'select id, code from warehouses where opening order by id');
}

export interface WarehouseStateRow {
  code: string;
  active: boolean;
  opening: boolean;
  type: 'closed' | 'opened' | null;
  at: Date | null;
  actor: string | null;
  reason: string | null;
}

/** Whether it is open, and what was last done about that. */
export function selectState(on: Queryable, id: number): Promise<WarehouseStateRow | undefined> {
  return maybeOne<WarehouseStateRow>(
    on,
    'catalog.warehouse_state',
    `select w.code, w.active, w.opening, e.type, e.at, e.actor, e.reason
     from warehouses w left join lateral (
       select * from warehouse_events where warehouse_id = w.id order by id desc limit 1) e on true
     where w.id = $1`,
    [id],
  );
}

export type WarehouseRow = Versioned<Warehouse>;

export function selectWarehouse(on: Queryable, code: string): Promise<WarehouseRow | undefined> {
  return maybeOne<WarehouseRow>(
    on,
    'catalog.warehouse',
    `select id, code, name, type, address, latitude, longitude, region, priority, active, opening, version
     from warehouses where code = $1`,
    [code],
  );
}

/** Codes that are this one but for capitals: at most a few. */
export function selectCodesAlike(on: Queryable, code: string): Promise<{ code: string }[]> {
  return many(
    on,
    'catalog.codes_alike',
    'select code from warehouses where lower(code) = lower($1) order by code',
    [code],
  );
}

export function insertWarehouse(tx: Transaction, code: string, fields: WarehouseFields): Promise<number> {
  const { name, type, address, latitude, longitude, region, priority } = fields;
  return execute(
    tx,
    'catalog.insert_warehouse',
    `insert into warehouses (code, name, type, address, latitude, longitude, region, priority)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [code, name, type, address, latitude, longitude, region, priority],
  );
}

/** Returns 0 where there is no such warehouse, or it has another version. */
export function updateWarehouseFields(
  tx: Transaction,
  code: string,
  fields: WarehouseFields,
  version: number,
): Promise<number> {
  const { name, type, address, latitude, longitude, region, priority } = fields;
  return execute(
    tx,
    'catalog.update_warehouse',
    `update warehouses set name = $2, type = $3, address = $4, latitude = $5, longitude = $6, region = $7, priority = $8,
       version = version + 1, updated_at = clock_timestamp()
     where code = $1 and version = $9`,
    [code, name, type, address, latitude, longitude, region, priority, version],
  );
}
