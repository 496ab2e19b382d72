import type { Settings } from '../platform/config';
import { configError } from '../platform/errors';
import type { TemporalTarget } from '../platform/temporal/connection';
import { readDevFile } from './dev-file';

/** Where a command finds PostgreSQL. The settings name it, or a running `holdfast up` of the same home has it. */
export async function locateDatabase(settings: Settings): Promise<string> {
  const url = settings.DATABASE_URL ?? (await readDevFile(settings))?.databaseUrl;
  if (url === undefined) throw configError(['DATABASE_URL: is needed, since no `holdfast up` runs here']);
  return url;
}

/** The server itself, where `locateDatabase` finds a pooler: for what needs a session, and for commands, which may take long. */
export async function locateDirectDatabase(settings: Settings): Promise<string> {
  return settings.DATABASE_DIRECT_URL ?? locateDatabase(settings);
}

/** The same database as the owner of its schema, who migrates and repairs. Without a role of its own, the same as `locateDirectDatabase`. */
export async function locateDatabaseOwner(settings: Settings): Promise<string> {
  const running = settings.DATABASE_URL ? undefined : await readDevFile(settings);
  return settings.DATABASE_OWNER_URL ?? running?.databaseOwnerUrl ?? locateDirectDatabase(settings);
}

/** Where a command finds Temporal, in the same way. */
export async function locateTemporal(settings: Settings): Promise<Required<TemporalTarget>> {
  if (settings.TEMPORAL_ADDRESS) {
    return { address: settings.TEMPORAL_ADDRESS, namespace: settings.TEMPORAL_NAMESPACE };
  }
  const running = await readDevFile(settings);
  if (!running) throw configError(['TEMPORAL_ADDRESS: is needed, since no `holdfast up` runs here']);
  return { address: running.temporalAddress, namespace: running.temporalNamespace };
}
