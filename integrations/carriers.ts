import type { RunningCarrier } from '../domain/fulfilment/types';
import type { Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';
import { openSandboxCarrier } from './sandbox-carrier/entry';

type OpenCarrier = (settings: Settings, deps: { databaseUrl: string; log: Logger }) => RunningCarrier;

/** Every carrier, by the name that its shipments and its updates carry. The first takes new shipments. */
const CARRIERS: Readonly<Record<string, OpenCarrier>> = { sandbox: openSandboxCarrier };

/** Carriers whose updates are taken. */
export const CARRIER_NAMES: readonly string[] = Object.keys(CARRIERS);

/** Opens every carrier, in the order of the table. The caller starts and closes them. */
export function openCarriers(
  settings: Settings,
  deps: { databaseUrl: string; log: Logger },
): readonly RunningCarrier[] {
  return Object.values(CARRIERS).map((open) => open(settings, deps));
}
