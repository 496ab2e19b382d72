import type { RequestContext } from '../http/request-context';

/** Who asks an order's saga for something. */
export interface Asked {
  actor: string;
  /** By which request. */
  httpRequestId: string;
  traceparent: string;
}

export function askedBy({
  principal,
  requestId,
  traceparent,
}: Pick<RequestContext, 'principal' | 'requestId' | 'traceparent'>): Asked {
  return { actor: principal.caller, httpRequestId: requestId, traceparent };
}
