import { isIP } from 'node:net';
import { configError } from './errors';

/** Other names of settings. Both may be given where they say the same. */
const ALIASES = { SERVER_PORT: 'PORT' } as const;

/** Names that settings had in a version before, which are read where the present one is not given. */
const FORMER_NAMES = { WORKER_METRICS_PORT: 'WORKER_ADMIN_PORT' } as const;

/** Parts of `DATABASE_URL`. */
const DATABASE_PARTS = ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] as const;
type DatabasePart = (typeof DATABASE_PARTS)[number];

const POSTGRES_PORT = '5432';

/**
 * An environment whose settings have the names of `settingsSchema` only: those that were given by other names, or in parts, as well. What is
 * empty counts as not given. Safe to repeat.
 *
 * @throws AppError `CONFIG_INVALID` where two names of a setting say different things, or the parts of an address make none
 */
export function withoutAliases(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const resolved = { ...env };
  const problems: string[] = [];
  for (const [alias, name] of Object.entries(ALIASES)) {
    const given = env[alias];
    if (given && env[name] && given !== env[name])
      problems.push(`${alias}: does not go with ${name}, which says something else`);
    resolved[name] = env[name] || given;
  }
  for (const [former, name] of Object.entries(FORMER_NAMES)) resolved[name] = env[name] || env[former];
  const database = databaseUrl(env);
  problems.push(...database.problems);
  if (database.url !== undefined) resolved['DATABASE_URL'] = database.url;
  if (problems.length > 0) throw configError(problems);
  const others = new Set<string>([...Object.keys(ALIASES), ...Object.keys(FORMER_NAMES), ...DATABASE_PARTS]);
  return Object.fromEntries(Object.entries(resolved).filter(([name]) => !others.has(name)));
}

/** The address that the parts make; no part is told, one is a secret. */
function databaseUrl(env: NodeJS.ProcessEnv): { url?: string; problems: string[] } {
  const given = DATABASE_PARTS.filter((part) => env[part]);
  const [first] = given;
  if (first === undefined) return { problems: [] };
  const whole = ['DATABASE_URL', 'DATABASE_URL_FILE'].find((name) => env[name]);
  if (whole !== undefined) return { problems: [`${first}: does not go with ${whole}`] };
  const missing = (['DB_HOST', 'DB_NAME', 'DB_USER'] as const).filter((part) => !env[part]);
  if (missing.length > 0) return { problems: missing.map((part) => `${part}: is needed with ${first}`) };
  const { DB_HOST: host = '', DB_NAME: name = '', DB_PORT: port = POSTGRES_PORT } = env;
  const problems = [
    ...(/^[^\s/@?#:[\]]+$/.test(host) || isIP(host) === 6
      ? []
      : told('DB_HOST', 'must be a host name or an address, without a port')),
    ...(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
      ? []
      : told('DB_PORT', 'must be 1 to 65535')),
    // These have a meaning in an address, and do not come back out of it.
    ...(/^[^;/?:@&=+$,#%\s]+$/.test(name)
      ? []
      : told('DB_NAME', 'must be the name of a database, without ; / ? : @ & = + $ , # % and spaces')),
  ];
  if (problems.length > 0) return { problems };
  const user = encodeURIComponent(env['DB_USER'] ?? '');
  const password = env['DB_PASSWORD'] ? `:${encodeURIComponent(env['DB_PASSWORD'])}` : '';
  const at = isIP(host) === 6 ? `[${host}]` : host;
  return { url: `postgresql://${user}${password}@${at}:${port}/${encodeURI(name)}`, problems: [] };
}

function told(part: DatabasePart, what: string): string[] {
  return [`${part}: ${what}`];
}
