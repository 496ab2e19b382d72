import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../platform/embedded/postgres';
import { startTemporalServer } from '../../platform/embedded/temporal';
import { findTemporalCli } from '../../platform/embedded/temporal-cli';
import type { Logger } from '../../platform/telemetry/log';
import { webhookSecretOf } from '../../platform/webhook-signature';
import type { Stops } from './stops';

const DATABASE = 'holdfast';

/**
 * PostgreSQL and Temporal for processes of the product, and what they need to be told.
 *
 * @param stops how to stop both is added here
 */
export async function startServers(
  folder: string,
  stops: Stops,
  log: Logger,
): Promise<Record<string, string>> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'pg'), log });
  stops.push(() => postgres.stop());
  const cliPath = await findTemporalCli({ explicitPath: process.env.TEMPORAL_CLI_PATH, log });
  const temporal = await startTemporalServer({
    cliPath,
    stateFile: join(folder, 'temporal.db'),
    ui: false,
    log,
  });
  stops.push(() => temporal.stop());
  return {
    DATABASE_URL: postgres.runtimeUrl(DATABASE),
    DATABASE_OWNER_URL: postgres.url(DATABASE),
    TEMPORAL_ADDRESS: temporal.address,
    HOLDFAST_HOME: join(folder, 'home'),
    LOG_LEVEL: 'error',
    SANDBOX_CARRIER_DELAY_MS: '0',
    SHUTDOWN_DELAY_SECONDS: '1',
    SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'),
    MAIL_FOLDER: join(folder, 'mail'),
    CARRIER_WEBHOOK_SECRETS: `sandbox=${webhookSecretOf(randomBytes(32))}`,
  };
}
