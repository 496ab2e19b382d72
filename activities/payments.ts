import { bulkhead, BulkheadRejectedError, TaskCancelledError } from 'cockatiel';
import { askGateway, type AskDeps, type AskRequest } from '../domain/ordering/ask-gateway';
import type { OrderProgress } from '../domain/ordering/types';
import { AppError } from '../platform/errors';
import { asSteps, withFailures } from './failure';
import { heartbeating } from './heartbeat';

/** Codes for which a retry cannot help. */
const PERMANENT = new Set(['ORDER_NOT_FOUND', 'PAYMENT_NOT_FOUND', 'CAPTURE_NOT_FOUND', 'REFUND_NOT_FOUND']);

/**
 * Calls that one process makes at once within workflow tasks, and as many more that wait for one of them to end: a gateway that hangs
 * must not take all slots of local activities.
 */
const BRIEF_CALLS = 32;
/** The longest that such a call may take, milliseconds. */
const BRIEF_MS = 1_000;
/** One that has waited longer is not made: it is asked about as any other. With the call itself less than its activity's time. */
const LONGEST_WAIT_MS = 2_000;

type PaymentAsk = Omit<AskRequest, 'briefMs' | 'limitMs'>;

/**
 * Asks the gateway once about a charge, capture, void or refund of an order and writes what it says, with all that follows. Each may be repeated
 * at any time: the money moves once. Returns the order's progress.
 */
export interface PaymentActivities {
  askGateway(request: PaymentAsk): Promise<OrderProgress>;
  /**
   * The same as a local activity, of a gateway that is fast. Waits for its turn; fails with `GATEWAY_BUSY` when too many wait, or
   * when it has waited too long.
   */
  askGatewayBriefly(request: PaymentAsk): Promise<OrderProgress>;
}

/**
 * @param deps.limitMs the longest that an attempt which is not brief may take: less than its activity, so that its end is recorded
 * @param deps.briefCalls brief ones at once, and as many that wait; 32 unless given
 */
export function createPaymentActivities(
  deps: AskDeps & Pick<AskRequest, 'limitMs'> & { briefCalls?: number },
): PaymentActivities {
  const { limitMs, briefCalls = BRIEF_CALLS } = deps;
  const turns = bulkhead(briefCalls, briefCalls);
  const { askGateway: ask } = asSteps<Pick<PaymentActivities, 'askGateway'>>(
    { askGateway: (request) => heartbeating(() => askGateway(deps, { ...request, briefMs: null, limitMs })) },
    PERMANENT,
    1,
  );
  const { askGatewayBriefly } = withFailures<Pick<PaymentActivities, 'askGatewayBriefly'>>(
    {
      async askGatewayBriefly(request) {
        try {
          return await turns.execute(
            () => askGateway(deps, { ...request, briefMs: BRIEF_MS }),
            AbortSignal.timeout(LONGEST_WAIT_MS),
          );
        } catch (error) {
          if (error instanceof BulkheadRejectedError || error instanceof TaskCancelledError)
            throw new AppError('GATEWAY_BUSY', 'Too many calls are under way.');
          throw error;
        }
      },
    },
    PERMANENT,
  );
  return { askGateway: ask, askGatewayBriefly };
}
