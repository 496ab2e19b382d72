import pino from 'pino';
import { currentFields } from './context';

export type Logger = pino.Logger;

/** Members that are never shown, at the top of a line or one below. */
const SECRET_MEMBERS = ['password', 'token', 'refreshToken', 'apiKey', 'secret', 'authorization', 'cookie'];
const CENSOR = '[secret]';

/**
 * Secrets by their form, wherever they are in a line, an error's message included: API keys, signing secrets, a gateway's keys, access
 * tokens, and passwords in addresses.
 */
const SECRET_TEXTS =
  /hf_[a-z]+_[\w-]{8,}|whsec_[\w+/=-]+|\b[sr]k_(?:live|test)_\w+|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=\/\/[^\s:/@"]*:)[^\s@"/]+(?=@)/g;

/** JSON lines on standard error, so that standard output stays for what a command prints. No line shows a secret. */
export function createLogger(
  level: string,
  name = 'holdfast',
  destination: pino.DestinationStream = pino.destination({ dest: 2, sync: false }),
): Logger {
  return pino(
    {
      level,
      name,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: withoutClient },
      redact: { paths: SECRET_MEMBERS.flatMap((member) => [member, `*.${member}`]), censor: CENSOR },
      mixin: (_line, _level, logger) => (OWN_FIELDS in logger ? {} : currentFields()),
      hooks: { streamWrite: (line) => line.replace(SECRET_TEXTS, CENSOR) },
    },
    destination,
  );
}

const OWN_FIELDS = Symbol('fields');

/** A logger whose lines carry these fields wherever they are written, instead of those of the work that runs there. */
export function loggerOf(log: Logger, fields: Readonly<Record<string, string>>): Logger {
  return Object.assign(log.child(fields), { [OWN_FIELDS]: true });
}

/** A connection's error carries the whole connection as `client`: pages of it, settings included. */
function withoutClient(error: unknown): unknown {
  const plain: unknown = error instanceof Error ? pino.stdSerializers.err(error) : error;
  if (typeof plain !== 'object' || plain === null || !('client' in plain)) return plain;
  return { ...plain, client: undefined };
}
