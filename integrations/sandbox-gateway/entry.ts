import type { Settings } from '../../platform/config';
import type { Logger } from '../../platform/telemetry/log';
import { SANDBOX_TOKENS } from './cards';
import { createSandboxGateway } from './gateway';

/** The sandbox gateway as the table of gateways has it. */
export const sandboxGatewayEntry = {
  tokens: SANDBOX_TOKENS,
  isFast: true,
  open: (
    settings: Pick<Settings, 'PAYMENT_CALL_TIMEOUT_MS'>,
    { databaseUrl, log }: { databaseUrl: string; log: Logger },
  ) => createSandboxGateway({ url: databaseUrl, log, callTimeoutMs: settings.PAYMENT_CALL_TIMEOUT_MS }),
};
