import type { RunningCarrier } from '../domain/fulfilment/types';
import type { Settings } from '../platform/config';
import { configError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { sandboxCarrierEntry } from './sandbox-carrier/entry';

export interface CarrierEntry {
  /** Whether the settings have what it needs. One that is set up books, voids and reports, also where another takes new shipments. */
  isSetUp(settings: Settings): boolean;
  open(settings: Settings, deps: { databaseUrl: string; log: Logger }): RunningCarrier;
}

type CarrierTable = Readonly<Record<string, CarrierEntry>>;

/** Every carrier, by the value of `CARRIER`, which is the name that its shipments and its updates carry. */
const CARRIERS: Readonly<Record<Settings['CARRIER'], CarrierEntry>> = { sandbox: sandboxCarrierEntry };

/** Carriers whose updates are taken. */
export const CARRIER_NAMES: readonly string[] = Object.keys(CARRIERS);

/**
 * Opens every carrier that is set up, first the one that takes new shipments. The caller starts and closes them.
 *
 * @throws `CONFIG_INVALID` when that one is not set up
 */
export function openCarriers(
  settings: Settings,
  deps: { databaseUrl: string; log: Logger },
  table: CarrierTable = CARRIERS,
): readonly RunningCarrier[] {
  const { CARRIER } = settings;
  const setUp = Object.keys(table).filter((name) => table[name]?.isSetUp(settings));
  if (!setUp.includes(CARRIER)) throw configError([`CARRIER: ${CARRIER} needs settings that are not given`]);
  return [CARRIER, ...setUp.filter((name) => name !== CARRIER)].flatMap(
    (name) => table[name]?.open(settings, deps) ?? [],
  );
}
