import { ENV } from './run';

/** The settings by which the product reaches a database. */
export interface ProductDatabase {
  DATABASE_URL: string;
  DATABASE_DIRECT_URL?: string;
}

/** Through the pooler, where this run has one (`npm run test:pgbouncer`); else as it is. */
export function productDatabase(runtimeUrl: string): ProductDatabase {
  const address = process.env[ENV.pooler];
  if (!address) return { DATABASE_URL: runtimeUrl };
  const pooled = new URL(runtimeUrl);
  pooled.host = address;
  return { DATABASE_URL: pooled.href, DATABASE_DIRECT_URL: runtimeUrl };
}
