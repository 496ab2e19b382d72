import type { Logger } from '../../platform/telemetry/log';

/** One exchange, as its line shows it. */
export interface AccessLine {
  method: string;
  /** The route's template. */
  route: string;
  /** As `pathOf` shows it; of a request that no route serves none. */
  path?: string | undefined;
  status: number;
  /** Of the problem document, where the response is one. */
  code?: string | undefined;
  milliseconds: number;
  caller: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The route's template with the ids that the path has in it. Parameters that are no UUID, such as addresses of people and free texts, keep
 * their name; the query is left out.
 *
 * @returns undefined where no route serves the path: it may say anything, at any length
 */
export function pathOf(route: string, url: string): string | undefined {
  if (!route.startsWith('/')) return undefined;
  const given = (url.split('?', 1)[0] ?? '').split('/');
  return route
    .split('/')
    .map((segment, at) => {
      const value = given[at] ?? '';
      return segment.startsWith('{') && UUID.test(value) ? value : segment;
    })
    .join('/');
}

/** Lines a second of responses of one kind; a flood of them says no more than these do. */
const LINES = 100;
const WINDOW_MS = 1_000;

export interface AccessLog {
  /** `of`: whose logger the line is written with, made only for what is written. `url`: as it was asked for. */
  line(of: { readonly log: Logger }, line: Omit<AccessLine, 'path'>, url: string): void;
}

/**
 * A line for each exchange: at `info`, or `debug` for what is asked again and again by machines (health, readiness, metrics). Of a
 * flood the first 100 lines a second are written, of successes, refusals and failures each; then one line that says how many there
 * were besides.
 *
 * @param later calls a function when so many milliseconds have passed
 */
export function createAccessLog(
  log: Logger,
  later: (act: () => void, ms: number) => void = (act, ms) => setTimeout(act, ms).unref(),
): AccessLog {
  let written: Record<string, number> = {};
  let omitted: Record<string, number> = {};
  let isOpen = false;

  function endWindow(): void {
    isOpen = false;
    written = {};
    if (Object.keys(omitted).length === 0) return;
    log.info({ omitted }, 'more requests were served');
    omitted = {};
  }

  return {
    line(of, line, url) {
      const level = QUIET.has(line.route) ? 'debug' : 'info';
      if (!log.isLevelEnabled(level)) return;
      if (!isOpen) later(endWindow, WINDOW_MS);
      isOpen = true;
      const kind = line.status < 400 ? 'successes' : line.status < 500 ? 'refusals' : 'failures';
      const count = (written[kind] ?? 0) + 1;
      written[kind] = count;
      if (count > LINES) {
        omitted[kind] = (omitted[kind] ?? 0) + 1;
        return;
      }
      const shown: AccessLine = { ...line, path: pathOf(line.route, url) };
      of.log[level](shown, 'request');
    },
  };
}

const QUIET: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);
