import { askGateway, type AskDeps, type AskRequest } from '../domain/ordering/ask-gateway';
import type { OrderProgress } from '../domain/ordering/types';
import { AppError } from '../platform/errors';
import { asSteps, withFailures } from './failure';
import { heartbeating } from './heartbeat';

/** Codes for which a retry cannot help. */
const PERMANENT = new Set(['ORDER_NOT_FOUND', 'PAYMENT_NOT_FOUND', 'REFUND_NOT_FOUND']);

/** Calls that one process makes at once within workflow tasks: a gateway that hangs must not take all slots of local activities. */
const BRIEF_CALLS = 32;
/** The longest that such a call may take, milliseconds. */
const BRIEF_MS = 1_000;

type PaymentAsk = Omit<AskRequest, 'briefMs' | 'limitMs'>;

/**
 * Asks the gateway once about a charge or refund of an order and writes what it says, with all that follows. Each may be repeated
 * at any time: the money moves once. Returns the order's progress.
 */
export interface PaymentActivities {
  askGateway(request: PaymentAsk): Promise<OrderProgress>;
  /**
   * The same as a local activity, of a gateway that is fast. Fails with `GATEWAY_BUSY` when too many calls are under way.
   */
  askGatewayBriefly(request: PaymentAsk): Promise<OrderProgress>;
}

/** @param deps.limitMs the longest that an attempt which is not brief may take: less than its activity, so that its end is recorded */
export function createPaymentActivities(deps: AskDeps & Pick<AskRequest, 'limitMs'>): PaymentActivities {
  const { limitMs } = deps;
  let running = 0;
  const { askGateway: ask } = asSteps<Pick<PaymentActivities, 'askGateway'>>(
    { askGateway: (request) => heartbeating(() => askGateway(deps, { ...request, briefMs: null, limitMs })) },
    PERMANENT,
    1,
  );
  const { askGatewayBriefly } = withFailures<Pick<PaymentActivities, 'askGatewayBriefly'>>(
    {
      async askGatewayBriefly(request) {
        if (running >= BRIEF_CALLS) throw new AppError('GATEWAY_BUSY', 'Too many calls are under way.');
        running += 1;
        try {
          return await askGateway(deps, { ...request, briefMs: BRIEF_MS });
        } finally {
          running -= 1;
        }
      },
    },
    PERMANENT,
  );
  return { askGateway: ask, askGatewayBriefly };
}
