import pino from 'pino';
import { currentFields } from './context';
import { textLine } from './log-text';

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

export interface LogOptions {
  /** `json` unless given: a JSON value a line; `text` is for people. */
  format?: 'json' | 'text';
  /** Standard error unless given. */
  destination?: pino.DestinationStream;
}

/** Lines on standard error, so that standard output stays for what a command prints. No line shows a secret. */
export function createLogger(
  level: string,
  name = 'holdfast',
  { format = 'json', destination = pino.destination({ dest: 2, sync: false }) }: LogOptions = {},
): Logger {
  return pino(
    {
      level,
      name,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: serialiseError },
      redact: { paths: SECRET_MEMBERS.flatMap((member) => [member, `*.${member}`]), censor: CENSOR },
      mixin: (_line, _level, logger) => (OWN_FIELDS in logger ? {} : currentFields()),
      hooks: {
        streamWrite: (line) => {
          const shown = line.replace(SECRET_TEXTS, CENSOR);
          return format === 'text' ? textLine(shown) : shown;
        },
      },
    },
    destination,
  );
}

const OWN_FIELDS = Symbol('fields');

/** A logger whose lines carry these fields wherever they are written, instead of those of the work that runs there. */
export function loggerOf(log: Logger, fields: Readonly<Record<string, string>>): Logger {
  return Object.assign(log.child(fields), { [OWN_FIELDS]: true });
}

/**
 * Members of errors that no line shows: PostgreSQL's errors have values of rows in them, and a connection's error carries the whole
 * connection as `client`, settings included.
 */
const UNSHOWN_MEMBERS = new Set(['detail', 'where', 'internalQuery', 'query', 'parameters', 'client']);
/** Values in PostgreSQL's messages about values that it cannot read. */
const READ_VALUES =
  /(?<=invalid input (?:syntax|value) for [\w ]+: |out of range: )"[^]*?"(?=\n|$)|(?<=value )"[^"]*"(?= is out of range)/g;
/** Errors in errors: as deep as anything of ours has them. */
const ERROR_DEPTH = 5;

/** An error as a line shows it: without values of rows. */
function serialiseError(error: unknown): unknown {
  return error instanceof Error ? shownOf(pino.stdSerializers.err(error), ERROR_DEPTH) : error;
}

function shownOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.replace(READ_VALUES, '"…"');
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) return value.map((each) => shownOf(each, depth - 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([member]) => !UNSHOWN_MEMBERS.has(member))
      .map(([member, each]) => [member, shownOf(each, depth - 1)]),
  );
}
