import { retryCapture, settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { capture, captureSettlement } from '../schemas/payments';
import { askLimitMs } from '../../platform/config';
import type { ApiContext } from '../services/context';

const TAG = 'Payments';
const PATH = `${API_BASE}/captures`;

const noCapture = asNotFound('CAPTURE_NOT_FOUND', 'There is no such capture.');

/** What a person does about money of an authorisation that the gateway does not take. */
export function captureRoutes({ db, settings }: ApiContext): Route[] {
  const limitMs = askLimitMs(settings);
  const responses = { 200: { description: 'The capture afterwards', schema: capture } };
  return [
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/resolve`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Record what was done instead of a capture',
        description:
          'Of one that the gateway does not make. It is asked no more, and where the money is waived the refunds that wait for it end with it. Safe to repeat; with another outcome or reference it is 409 CAPTURE_SETTLED. One that the gateway was asked for within the longest time that it may take (`PAYMENT_CALL_TIMEOUT_MS` and 2 s) is 409 CAPTURE_UNDER_WAY: wait for its outcome.',
        params: idParams,
        body: captureSettlement,
        responses,
        problems: ['CAPTURE_MADE', 'CAPTURE_SETTLED', 'CAPTURE_UNDER_WAY', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const { outcome, reference = null, reason } = body;
        const request = {
          captureId: params.id,
          outcome,
          reference,
          reason,
          actor: caller,
          askLimitMs: limitMs,
        };
        return ok(await settleCaptureByHand(db, request).catch(noCapture));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/retry`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Try a capture again now',
        description:
          'One that the gateway refused for good is tried under a new key; one that waits is due at once. One that the gateway was asked about within the longest time that it may take (`PAYMENT_CALL_TIMEOUT_MS` and 2 s) stays as it is.',
        params: idParams,
        responses,
        problems: ['CAPTURE_MADE', 'CAPTURE_SETTLED'],
      },
      async ({ params, caller }) =>
        ok(
          await retryCapture(db, { captureId: params.id, actor: caller, askLimitMs: limitMs }).catch(
            noCapture,
          ),
        ),
    ),
  ];
}
