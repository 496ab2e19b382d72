import { Client } from 'pg';
import { fillPayments } from '../../bench/reconciliation-data';
import { acceptDifference, bookDifference, listDifferences } from '../../domain/reconciliation/differences';
import { collectEntries, compareEntries, forgetCompared } from '../../domain/reconciliation/run';
import { stageStatement } from '../../domain/reconciliation/stage';
import type {
  DifferenceView,
  ReconciliationRequest,
  StatementFormat,
} from '../../domain/reconciliation/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { balancesOf } from '../money/support';
import type { TestShop } from '../support/fixtures';

export const JUNE = { from: '2026-06-01', to: '2026-06-30' };

export const OF_GATEWAY: ReconciliationRequest = {
  mode: 'gateway',
  ...JUNE,
  gateway: 'sandbox',
  gatewayJobId: null,
  accountCurrency: null,
  toleranceDays: 1,
  fee: null,
  dryRun: false,
};

export const OF_BANK: ReconciliationRequest = {
  ...OF_GATEWAY,
  mode: 'bank',
  gateway: null,
  toleranceDays: 5,
};

/** Payments, and what the ledger has of them. */
export async function fill({ url }: TestShop, payments: number): Promise<void> {
  const owner = new Client({ connectionString: url });
  await owner.connect();
  await fillPayments(owner, payments).finally(() => owner.end());
}

async function* piecesOf(file: string | Iterable<string>): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (const piece of typeof file === 'string' ? [file] : file) yield Buffer.from(piece);
}

/** Uploads a file. Returns its job. */
export async function upload(
  db: Database,
  file: string | Iterable<string>,
  request: Partial<ReconciliationRequest> = {},
  format: Partial<StatementFormat> = {},
): Promise<string> {
  const jobId = newId();
  await stageStatement(db, {
    jobId,
    actor: 'user:anna',
    request: { ...OF_GATEWAY, ...request },
    format: { format: 'csv', decimal: '.', ...format },
    source: piecesOf(file),
  });
  return jobId;
}

/** The steps of its workflow, one after the other. */
export async function carryOut(db: Database, jobId: string): Promise<DifferenceView[]> {
  expect(await collectEntries(db, jobId)).toBe(true);
  await compareEntries(db, jobId);
  await forgetCompared(db, jobId);
  return differencesOf(db, jobId);
}

/** A file that was compared, and what that told. */
export interface Told {
  jobId: string;
  found: DifferenceView[];
}

/** Compares files with what a shop knows, and decides about what is told. */
export function decidingIn(shop: () => TestShop) {
  const by = { reason: 'told by the gateway', actor: 'user:anna' };
  return {
    async told(file: string, request: Partial<ReconciliationRequest> = {}): Promise<Told> {
      const { db } = shop();
      const jobId = await upload(db, file, request);
      return { jobId, found: await carryOut(db, jobId) };
    },
    book: ({ jobId }: Told, n = 1) => bookDifference(shop().db, { jobId, n, merchant: null, ...by }),
    accept: ({ jobId }: Told, n = 1) => acceptDifference(shop().db, { jobId, n, ...by }),
    /** What all that was booked comes to. */
    adjusted: async () => (await balancesOf(shop().db)).adjustments ?? 0,
  };
}

export async function differencesOf(db: Database, jobId: string): Promise<DifferenceView[]> {
  return (await listDifferences(db, { jobId, limit: 100_000, offset: 0 })).items;
}

/** `class reference` of each, sorted. */
export const namesOf = (found: readonly DifferenceView[]) =>
  found.map((one) => `${one.class} ${one.ref ?? '-'}`).sort();
