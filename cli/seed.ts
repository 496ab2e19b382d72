import { seedCatalogue, type SeedResult } from '../domain/demo/seed';
import type { Settings } from '../platform/config';
import { openDatabase } from '../platform/database/database';
import { AppError } from '../platform/errors';
import { createLogger } from '../platform/telemetry/log';
import { migrationStatus } from '../platform/database/migrations';
import type { Output } from './output';
import { locateDirectDatabase } from './servers';

/** `holdfast seed`: loads the demo catalogue where it is missing. */
export async function runSeed(settings: Settings, output: Output): Promise<number> {
  const url = await locateDirectDatabase(settings);
  const { pending } = await migrationStatus(url);
  if (pending.length > 0) {
    throw new AppError(
      'MIGRATIONS_PENDING',
      `${pending.length} migrations are pending: run \`holdfast migrate\` first.`,
    );
  }
  const db = openDatabase({
    url,
    poolSize: 1,
    log: createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT }),
  });
  try {
    const seeded = await seedCatalogue(db);
    output.line(`Demo catalogue: ${describeSeed(seeded)}.`);
    output.json(seeded);
  } finally {
    await db.close();
  }
  return 0;
}

export function describeSeed({ warehouses, products }: SeedResult): string {
  if (warehouses === 0 && products === 0) return 'there already, nothing changed';
  return `${products} products and ${warehouses} warehouses added`;
}
