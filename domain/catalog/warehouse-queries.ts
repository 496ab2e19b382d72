import { many, maybeOne, type Queryable } from '../../platform/database/database';
import type { Warehouse } from './types';

/** All warehouses, also inactive ones, by code. */
export function selectWarehouses(on: Queryable): Promise<Warehouse[]> {
  return many<Warehouse>(
    on,
    'catalog.warehouses',
    `select id, code, name, type, address, latitude, longitude, region, priority, active
     from warehouses order by code`,
  );
}

export function selectWarehouseId(on: Queryable, code: string): Promise<{ id: number } | undefined> {
  return maybeOne(on, 'catalog.warehouse_id', 'select id from warehouses where code = $1', [code]);
}
