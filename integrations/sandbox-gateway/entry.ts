import { ownAddress, type Settings } from '../../platform/config';
import type { Logger } from '../../platform/telemetry/log';
import { SANDBOX_TOKENS } from './cards';
import { createSandboxGateway } from './gateway';

type SandboxGatewaySettings = Pick<
  Settings,
  | 'DATABASE_DIRECT_URL'
  | 'HOST'
  | 'PORT'
  | 'PAYMENT_CALL_TIMEOUT_MS'
  | 'SANDBOX_AUTHORIZATION_SECONDS'
  | 'SANDBOX_PAGES_URL'
>;

/** The sandbox gateway as the table of gateways has it. */
export const sandboxGatewayEntry = {
  tokens: SANDBOX_TOKENS,
  isFast: true,
  open: (settings: SandboxGatewaySettings, { databaseUrl, log }: { databaseUrl: string; log: Logger }) =>
    createSandboxGateway({
      url: databaseUrl,
      directUrl: settings.DATABASE_DIRECT_URL,
      log,
      callTimeoutMs: settings.PAYMENT_CALL_TIMEOUT_MS,
      authorizationSeconds: settings.SANDBOX_AUTHORIZATION_SECONDS,
      pagesUrl: settings.SANDBOX_PAGES_URL ?? ownAddress(settings),
    }),
};
