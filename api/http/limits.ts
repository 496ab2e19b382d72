import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit, type RateLimitInfo } from 'express-rate-limit';
import type { Settings } from '../../platform/config';
import { LIMIT_CLASSES, limitClassOf, type LimitClass } from './limit-classes';
import { problem } from './problems';
import { addressOf, contextOf } from './request-context';
import type { RouteDocs } from './route';

export type LimitSettings = Pick<Settings, (typeof LIMIT_CLASSES)[LimitClass] | 'LIMIT_CUSTOMER_WRITES'>;

const WINDOW_MS = 60_000;

/**
 * The limit of each class: so many requests of one caller in a minute, in this process. Responses tell what is left (`RateLimit`); one
 * too many gets `RATE_LIMITED`. A setting of 0 is no limit. What a customer changes has a second, narrower one: anybody may become one.
 */
export function createLimits(settings: LimitSettings): (route: RouteDocs) => readonly RequestHandler[] {
  const handlers = new Map<LimitClass, readonly RequestHandler[]>();
  return (route) => {
    const of = limitClassOf(route);
    if (of === null) return [];
    const known = handlers.get(of) ?? limitersOf(of, settings);
    handlers.set(of, known);
    return known;
  };
}

function limitersOf(of: LimitClass, settings: LimitSettings): readonly RequestHandler[] {
  const ofAll = limiter(of, settings[LIMIT_CLASSES[of]]);
  if (of !== 'writes') return ofAll;
  return [...ofAll, ...limiter('customer-writes', settings.LIMIT_CUSTOMER_WRITES, isCustomer)];
}

function isCustomer(res: Response): boolean {
  return contextOf(res).principal.role === 'customer';
}

function limiter(
  of: LimitClass | 'customer-writes',
  limit: number,
  holds: (res: Response) => boolean = () => true,
): readonly RequestHandler[] {
  if (limit === 0) return [];
  return [
    rateLimit({
      windowMs: WINDOW_MS,
      limit,
      identifier: of,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      keyGenerator: limitedCaller,
      skip: (_req, res) => !holds(res),
      // The address is what the trusted proxies say, and nothing else: `trust proxy`.
      validate: false,
      handler: (req, _res, next) => {
        const seconds = secondsLeft((req as Request & { rateLimit?: RateLimitInfo }).rateLimit);
        next(
          problem(
            'RATE_LIMITED',
            `At most ${limit} ${of.replace('-', ' ')} a minute. Try again in ${seconds} s.`,
            {
              retryAfter: seconds,
            },
          ),
        );
      },
    }),
  ];
}

function secondsLeft(info: RateLimitInfo | undefined): number {
  const ms = (info?.resetTime?.getTime() ?? Date.now() + WINDOW_MS) - Date.now();
  return Math.max(1, Math.ceil(ms / 1_000));
}

/**
 * Who is limited: who has signed in, else the address (of IPv6 its network, of which a client has as many addresses as it likes). A
 * publishable key says nothing of who sends it.
 */
export function limitedCaller(req: Request, res: Response): string {
  const { role, caller } = contextOf(res).principal;
  return role === null ? `address:${ipKeyGenerator(addressOf(req))}` : caller;
}
