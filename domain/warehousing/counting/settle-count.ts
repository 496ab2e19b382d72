import type { Database } from '../../../platform/database/database';
import { enqueue, enqueueOnce } from '../../../platform/database/outbox';
import type { StockAccess } from '../../stock/ledger/stock-ledger';
import type { StockKey } from '../../stock/ledger/types';
import { applyCounts } from './apply-counts';
import { onSheet } from './on-sheet';
import { selectResolvingPlaces, selectResolvingSheets } from './resolving-queries';

/** Makes those to whom units of a place are promised give up what holds await there. False: its time was up, and something is left. */
export type Settle = (key: StockKey, limits: { withinMs: number }) => Promise<boolean>;

/** When a message takes a sheet on whose time was up. */
const AGAIN_SECONDS = 1;

/**
 * Takes the lines of a sheet on that are `resolving`: settles with those to whom the units that were not found are promised, and applies
 * what can be applied. A line that a newer absolute number has overtaken meanwhile is closed first, so that nobody gives up anything for
 * it. Safe to repeat and at any time.
 *
 * @param limits.withinMs for all lines together: far less than the lease of the message. What is left then is done by another message
 */
export async function settleCount(
  access: StockAccess,
  sheetId: string,
  settle: Settle,
  { withinMs = Infinity }: { withinMs?: number } = {},
): Promise<void> {
  const until = performance.now() + withinMs;
  if ((await selectResolvingPlaces(access.db, sheetId)).length === 0) return;
  await decideAgain(access, sheetId);
  let isSettled = true;
  for (const key of await selectResolvingPlaces(access.db, sheetId)) {
    const left = until - performance.now();
    // One place whose rows are locked keeps no other.
    isSettled = left > 0 && (await settle(key, { withinMs: left })) && isSettled;
  }
  if (isSettled) return decideAgain(access, sheetId);
  // Its delivery decides first.
  const rest = { topic: 'count.settle', key: sheetId } as const;
  await access.db.retrying((tx) => enqueueOnce(tx, rest, AGAIN_SECONDS));
}

/** Has all sheets with such lines settled, each by a message of its own. */
export async function wakeResolving(db: Database): Promise<void> {
  const sheets = await selectResolvingSheets(db);
  const messages = sheets.map((key) => ({ topic: 'count.settle' as const, key }));
  if (messages.length > 0) await db.retrying((tx) => enqueue(tx, messages));
}

async function decideAgain({ db, stock }: StockAccess, sheetId: string): Promise<void> {
  await onSheet(db, sheetId, async (tx, sheet, lines) => {
    const resolving = lines.filter(({ status }) => status === 'resolving');
    // Those whose units are promised still are looked at only.
    await applyCounts(tx, stock, { ...sheet, sheetId }, resolving, {
      tolerance: null,
      actor: null,
      resolveReserved: true,
    });
    return false;
  });
}
