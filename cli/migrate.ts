import type { Settings } from '../platform/config';
import { createLogger } from '../platform/telemetry/log';
import { migrate, migrationStatus } from '../platform/database/migrations';
import { provideRoleTimeouts } from '../platform/database/role-timeouts';
import { provideRuntimeRole, warnOfOtherRoles } from '../platform/database/runtime-role';
import type { Output } from './output';
import { locateDatabaseOwner, locateDirectDatabase } from './servers';

/** `holdfast migrate`: brings the database, made when it is missing, to this version. */
export async function runMigrate(settings: Settings, output: Output): Promise<number> {
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const roles = {
    ownerUrl: await locateDatabaseOwner(settings),
    runtimeUrl: await locateDirectDatabase(settings),
  };
  const applied = await migrate(roles.ownerUrl, log, { createDatabase: true });
  for (const name of applied) output.item('applied', name);
  output.json({ applied });
  output.line(applied.length === 0 ? 'Nothing to apply.' : `${applied.length} migrations applied.`);
  await provideRuntimeRole(roles, log);
  await warnOfOtherRoles(roles, log);
  for (const name of await provideTimeouts(settings)) output.item('set', `${name} of the role`);
  return 0;
}

/** Where connections go through a pooler. Returns what was set. */
export async function provideTimeouts({ DATABASE_DIRECT_URL: directUrl }: Settings): Promise<string[]> {
  return directUrl === undefined ? [] : provideRoleTimeouts(directUrl);
}

/** `holdfast migrate --status`: exit code 1 tells that something is pending. `unknown`: applied, but not by this version. */
export async function showMigrations(settings: Settings, output: Output): Promise<number> {
  const { applied, pending, unknown } = await migrationStatus(await locateDatabaseOwner(settings));
  output.json({ applied, pending, unknown });
  for (const name of applied) output.item(unknown.includes(name) ? 'unknown' : 'applied', name);
  for (const name of pending) output.item('pending', name);
  return pending.length === 0 ? 0 : 1;
}
