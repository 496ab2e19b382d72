import { settlementFile } from '../../domain/settlement/file';
import { requestSettlement } from '../../domain/settlement/settlement';
import { abandonSettlement, beginSettlement, finishSettlement, sumPart } from '../../domain/settlement/run';
import type { FileStore } from '../../domain/files/types';
import type { SettlementRequest } from '../../domain/settlement/types';
import type { MoneyKind } from '../../domain/money/types';
import type { Queryable } from '../../platform/database/database';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { testLogger } from '../support/servers';

export const PARTS = 3;

export const finish = (db: Database, jobId: string, store: FileStore | null = null) =>
  finishSettlement({ db, store, parts: PARTS }, jobId);

export interface Entry {
  merchant?: string;
  day: string;
  kind?: MoneyKind;
  minor: number;
  currency?: string;
}

/** Writes a row of the money ledger, of a payment that does not matter. */
export function enter(
  on: Queryable,
  { merchant = 'house', day, kind = 'capture', minor, currency = 'USD' }: Entry,
) {
  return on.query({
    name: 'test.enter',
    text: `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
           select $2::date, $2::date, $3, 'gateway_clearing', 'merchant_payable', m.id, $4, $5, gen_random_uuid(), gen_random_uuid()
           from merchants m where m.code = $1`,
    values: [merchant, day, kind, minor, currency],
  });
}

export async function ask(db: Database, request: Partial<SettlementRequest> = {}): Promise<string> {
  const days = { from: '2026-06-01', to: '2026-06-30', merchant: null, currency: null, supplement: false };
  const asked = { jobId: newId(), request: { ...days, ...request }, actor: 'test', queueSize: 100 };
  return (await requestSettlement(db, asked)).jobId;
}

/** Sums all parts of a job that has begun. */
export async function sumAll(db: Database, jobId: string, batch = 1_000): Promise<void> {
  const parts = (await beginSettlement(db, jobId, PARTS)) ?? [];
  await Promise.all(parts.map((part) => sumPart({ db, batch }, { jobId, part })));
}

/** Runs a job to its end, as its workflow does, and returns its file. */
export async function carryOut(
  db: Database,
  jobId: string,
  { batch = 1_000, store = null }: { batch?: number; store?: FileStore | null } = {},
): Promise<string> {
  for (;;) {
    await sumAll(db, jobId, batch);
    if (await finish(db, jobId, store)) return fileOf(db, jobId, store);
  }
}

export const cancel = (db: Database, jobId: string) => abandonSettlement(db, jobId, null);

export async function fileOf(db: Database, jobId: string, store: FileStore | null = null): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of settlementFile({ on: db, store, log: testLogger() }, jobId))
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

/** The lines of a file, without its header. */
export const linesOf = (file: string) => file.trimEnd().split('\n').slice(1);

export async function settle(db: Database, request: Partial<SettlementRequest> = {}): Promise<string[]> {
  return linesOf(await carryOut(db, await ask(db, request)));
}
