import { seedCatalogue, type SeedResult } from '../domain/demo/seed';
import { seedHistory } from '../domain/demo/history';
import { seedTransactions } from '../domain/demo/transactions';
import type { Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { AppError } from '../platform/errors';
import { createLogger } from '../platform/telemetry/log';
import { migrationStatus } from '../platform/database/migrations';
import type { Output } from './output';
import { locateDatabaseOwner, locateDirectDatabase } from './servers';

/** `holdfast seed`: loads the demo catalogue where it is missing. */
export async function runSeed(settings: Settings, output: Output): Promise<number> {
  return onMigrated(settings, await locateDirectDatabase(settings), async (db) => {
    const seeded = await seedCatalogue(db);
    output.line(`Demo catalogue: ${describeSeed(seeded)}.`);
    output.json(seeded);
  });
}

/** `holdfast seed transactions`: adds past orders with so many captures and refunds. Only the owner may write entries of the past. */
export async function runSeedTransactions(settings: Settings, rows: number, output: Output): Promise<number> {
  return onMigrated(settings, await locateDatabaseOwner(settings), async (db) => {
    const written = await seedTransactions(db, {
      rows,
      onBatch: (done) => output.line(`${done} of ${rows}`),
    });
    output.line(`Added ${written} captures and refunds, with their orders.`);
    output.json({ transactions: written });
  });
}

/** `holdfast seed history`: adds two years of receipts and sales. Only the owner may write entries of the past. */
export async function runSeedHistory(
  settings: Settings,
  { rows, seed }: { rows: number; seed: number },
  output: Output,
): Promise<number> {
  return onMigrated(settings, await locateDatabaseOwner(settings), async (db) => {
    const seeded = await seedHistory(db, {
      rows,
      seed,
      onMonth: (done) => output.line(`${done} of about ${rows}`),
    });
    output.line(
      `Added ${seeded.rows} rows of the ledger, of ${seeded.products} products at ${seeded.warehouses} warehouses.`,
    );
    output.json(seeded);
  });
}

/** @throws AppError `MIGRATIONS_PENDING` */
async function onMigrated(
  settings: Settings,
  url: string,
  work: (db: Database) => Promise<void>,
): Promise<number> {
  const { pending } = await migrationStatus(url);
  if (pending.length > 0) {
    throw new AppError(
      'MIGRATIONS_PENDING',
      `${pending.length} migrations are pending: run \`holdfast migrate\` first.`,
    );
  }
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const db = openDatabase({ url, poolSize: 1, log });
  try {
    await work(db);
  } finally {
    await db.close();
  }
  return 0;
}

export function describeSeed({ warehouses, products }: SeedResult): string {
  if (warehouses === 0 && products === 0) return 'there already, nothing changed';
  return `${products} products and ${warehouses} warehouses added`;
}
