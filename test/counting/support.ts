import { adjustStock, type AdjustmentChange } from '../../domain/stock/adjustments/adjust';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { makeSheet, readSheet } from '../../domain/warehousing/counting/sheets';
import type { Counted, NewSheet, SheetView } from '../../domain/warehousing/counting/types';
import { newId } from '../../platform/ids';
import { capture, levelsOf, orderOf, PAYMENT, ship, type OrderShop } from '../db/support';
import { withStock } from '../support/stock';

/** What tests of counts do in AMS. `shop` is asked when they do it. */
export function countingIn(shop: () => OrderShop) {
  const db = () => shop().db;

  function sheetOf(skus: string[], rest: Partial<NewSheet> = {}): Promise<SheetView> {
    return makeSheet(db(), {
      sheetId: newId(),
      location: 'AMS',
      skus,
      blind: false,
      tolerance: 0,
      actor: 'planner',
      ...rest,
    });
  }

  const about = (sheet: SheetView, skus?: string[]) => ({ sheetId: sheet.id, skus, actor: 'boss' });
  const countAll = (sheet: SheetView, counts: readonly Counted[], countId = newId()) =>
    countLines(db(), { sheetId: sheet.id, counts, actor: 'counter', countId });
  const count = (sheet: SheetView, sku: string, counted: number, countedAt?: string) =>
    countAll(sheet, [{ sku, counted, countedAt }]);
  const submit = (sheet: SheetView) => submitCount(withStock(db()), { sheetId: sheet.id, actor: 'test' });
  const approve = (sheet: SheetView, skus?: string[]) => approveCount(withStock(db()), about(sheet, skus));
  const resolve = (sheet: SheetView) =>
    approveCount(withStock(db()), { ...about(sheet), resolveReserved: true });
  const lineOf = async (sheet: SheetView) => (await readSheet(db(), sheet.id))?.lines[0];
  const onHand = async (sku: string) => (await levelsOf(db(), sku))['AMS']?.[0] ?? 0;

  function adjust(sku: string, change: AdjustmentChange, effectId = newId()) {
    const wanted = { sku, location: 'AMS', change, reason: 'test', actor: 'clerk', effectId };
    return adjustStock(withStock(db()), wanted);
  }

  /** By PostgreSQL's clock, after everything that was written before. */
  async function now(): Promise<string> {
    const { rows } = await db().pool.query<{ now: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
    );
    return rows[0]?.now ?? '';
  }

  /** Sells and ships one unit from AMS. */
  async function sellOne(sku: string): Promise<void> {
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    await shop().place(order);
    await capture(db(), order.orderId);
    await ship(db(), order.orderId, 'AMS', 'picked_up');
  }

  /** A sheet of one product with 10 on hand, counted and submitted. */
  async function submitted(counted: number, rest: Partial<NewSheet> = {}) {
    const sku = await shop().product({ AMS: 10 });
    const sheet = await sheetOf([sku], rest);
    await count(sheet, sku, counted);
    return { sku, sheet: await submit(sheet) };
  }

  return {
    sheetOf,
    about,
    countAll,
    count,
    submit,
    approve,
    resolve,
    lineOf,
    onHand,
    adjust,
    now,
    sellOne,
    submitted,
  };
}
