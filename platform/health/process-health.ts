import { z } from 'zod';
import { VERSION } from '../version';
import { withTimeout } from '../with-timeout';
import type { DatabaseProbe } from './database-probe';

const check = z.object({ status: z.enum(['up', 'down']), latencyMs: z.number() });

type HealthCheck = z.infer<typeof check>;

/** What `GET /health` responds with, always 200: that it responds is what it tells. */
export const healthSchema = z
  .object({
    /** `degraded`: it runs, and something that it depends on is down. */
    status: z.enum(['up', 'degraded']),
    version: z.string(),
    uptimeSeconds: z.number(),
    timestamp: z.iso.datetime(),
    checks: z.object({ database: check, temporal: check }),
  })
  .meta({ id: 'Health' });

/** Why a process is to be sent no work; `schema_behind`: migrations of its version are pending. */
const NOT_READY = ['starting', 'stopping', 'database_down', 'schema_behind', 'temporal_down'] as const;

/** What `GET /ready` responds with: 200 where it is ready, else 503. */
export const readinessSchema = z
  .object({
    ready: z.boolean(),
    /** Why not. */
    reasons: z.array(z.enum(NOT_READY)),
  })
  .meta({ id: 'Readiness' });

type NotReady = (typeof NOT_READY)[number];
export type Health = z.infer<typeof healthSchema>;
export type Readiness = z.infer<typeof readinessSchema>;

export interface ProcessHealth {
  /** Whether it is alive, and what it depends on. Never throws; takes two seconds at most. */
  health(): Promise<Health>;
  /** Whether it may be sent work. Never throws; takes two seconds at most. */
  readiness(): Promise<Readiness>;
}

export interface ProcessHealthOptions {
  database: DatabaseProbe;
  /** Resolves when Temporal responds. */
  askTemporal(): Promise<unknown>;
  /** Whether nothing can be done without Temporal; else it is ready without it. */
  needsTemporal: boolean;
  phase(): 'starting' | 'running' | 'stopping';
}

const CHECK_TIMEOUT_MS = 2_000;

export function createProcessHealth(options: ProcessHealthOptions): ProcessHealth {
  const { database, askTemporal, needsTemporal, phase } = options;
  return {
    async health() {
      const [ofDatabase, temporal] = await Promise.all([
        checkHealth(() => database.ask()),
        checkHealth(askTemporal),
      ]);
      const allUp = ofDatabase.status === 'up' && temporal.status === 'up';
      return {
        status: allUp ? 'up' : 'degraded',
        version: VERSION,
        uptimeSeconds: Math.round(process.uptime()),
        timestamp: new Date().toISOString(),
        checks: { database: ofDatabase, temporal },
      };
    },
    async readiness() {
      const now = phase();
      // It makes no difference what is up.
      if (now !== 'running') return { ready: false, reasons: [now] };
      const faults = await Promise.all([
        databaseFault(database),
        needsTemporal && temporalFault(askTemporal),
      ]);
      const reasons = faults.filter((fault) => fault !== null && fault !== false);
      return { ready: reasons.length === 0, reasons };
    },
  };
}

async function databaseFault(database: DatabaseProbe): Promise<NotReady | null> {
  const pending = await withTimeout(database.ask(), CHECK_TIMEOUT_MS).catch(() => 'down' as const);
  if (pending === 'late' || pending === 'down') return 'database_down';
  return pending.length > 0 ? 'schema_behind' : null;
}

async function temporalFault(askTemporal: () => Promise<unknown>): Promise<NotReady | null> {
  return (await checkHealth(askTemporal)).status === 'down' ? 'temporal_down' : null;
}

async function checkHealth(ask: () => Promise<unknown>): Promise<HealthCheck> {
  const started = performance.now();
  const asked = ask().then(
    () => 'up' as const,
    () => 'down' as const,
  );
  const status = (await withTimeout(asked, CHECK_TIMEOUT_MS)) === 'up' ? 'up' : 'down';
  return { status, latencyMs: Math.round((performance.now() - started) * 10) / 10 };
}
