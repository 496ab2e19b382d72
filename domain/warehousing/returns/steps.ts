import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { enqueue } from '../../../platform/database/outbox';
import {
  insertStep,
  lockReturn,
  selectReturnLines,
  type LineChange,
  type LockedReturn,
  type ReturnLineRow,
} from './queries';
import { afterReturnEvent } from './rules';
import type { ReturnStatus, ReturnStep, ReturnView } from './types';
import { returnIn } from './views';

/**
 * Runs a step of a return once, under its lock, and wakes its workflow. `work` returns nothing: what it changed is read.
 *
 * @throws NOT_FOUND; RETURN_CLOSED where the step cannot happen any more
 */
export function onReturn(
  db: Database,
  step: ReturnStep & { step: 'receive' | 'inspect' },
  work: (tx: Transaction, goods: LockedReturn & { next: ReturnStatus }) => Promise<void>,
): Promise<ReturnView> {
  const { returnId } = step;
  return db.retrying(async (tx) => {
    const goods = await lockReturn(tx, returnId);
    if (!goods) throw new AppError('NOT_FOUND', 'There is no such return.');
    if (!(await insertStep(tx, step))) return returnIn(tx, returnId);
    const next = afterReturnEvent(goods.status, step.step);
    if (next === null) throw new AppError('RETURN_CLOSED', `The return is ${goods.status}.`);
    await work(tx, { ...goods, next });
    await enqueue(tx, [{ topic: 'return.wake', key: returnId }]);
    return returnIn(tx, returnId);
  });
}

/**
 * The lines that a step is about, each with what it may take.
 *
 * @throws the step's code where more is asked of a line, or of one that is not there
 */
export async function changesOf<Asked extends { sku: string }>(
  tx: Transaction,
  request: {
    returnId: string;
    asked: readonly Asked[];
    change: (asked: Asked) => Omit<LineChange, 'productId'>;
    room: (line: ReturnLineRow) => number;
    code: 'RETURN_EXCEEDS_AUTHORISED' | 'RETURN_EXCEEDS_RECEIVED';
  },
): Promise<{ lines: ReturnLineRow[]; changes: LineChange[] }> {
  const lines = await selectReturnLines(tx, request.returnId);
  const bySku = new Map(lines.map((line) => [line.sku, line]));
  const changes = request.asked.map((asked): LineChange => {
    const line = bySku.get(asked.sku);
    const change = request.change(asked);
    const units = change.received + change.restocked + change.writtenOff;
    const room = line ? request.room(line) : 0;
    if (!line || units > room)
      throw new AppError(request.code, `Of ${asked.sku} it can be ${room} at most.`, {
        sku: asked.sku,
        atMost: room,
      });
    return { ...change, productId: line.productId };
  });
  return { lines, changes };
}
