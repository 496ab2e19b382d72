export const WEBHOOK_DISABLED = ['by_hand', 'gone', 'failing'] as const;
/** Why a webhook is not delivered to: somebody said so; its receiver answered 410; it took nothing for days. */
export type WebhookDisabled = (typeof WEBHOOK_DISABLED)[number];

export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** A webhook as it is shown. */
export interface WebhookView {
  id: string;
  url: string;
  description: string | null;
  types: string[];
  disabled: WebhookDisabled | null;
  disabledAt: string | null;
  /** Deliveries are planned for events up to this position. */
  position: number;
  failingSince: string | null;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
}

/** A webhook with its secret, which is shown where it is made and nowhere else. */
export interface WebhookWithSecret extends WebhookView {
  /** `whsec_` and base64. */
  secret: string;
}

/** One request, and how it was answered. */
export interface TryView {
  at: string;
  millis: number;
  headers: Readonly<Record<string, string>>;
  /** Null: there was no answer. */
  status: number | null;
  /** The first 1,000 characters. */
  answer: string | null;
  /** Null: it was taken. */
  error: string | null;
}

export interface DeliveryView {
  /** Of the event. */
  position: number;
  type: string;
  status: DeliveryStatus;
  /** Since it was planned, or asked for again. */
  tries: number;
  nextTryAt: string | null;
  createdAt: string;
  /** The last 20 requests, the newest first. */
  requests: TryView[];
}

/** A request to a webhook's receiver. */
export interface WebhookMessage {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface WebhookAnswer {
  /** Null: there was none. */
  status: number | null;
  /** The first 1,000 characters of its body. */
  body: string | null;
  /** Seconds, from `Retry-After`. */
  retryAfterSeconds: number | null;
  /** Why there was none. */
  error: string | null;
  millis: number;
}

/** Sends one message. Never throws: what goes wrong is in the answer. Bounded in time, and in what it reads. */
export type WebhookSender = (message: WebhookMessage) => Promise<WebhookAnswer>;

/** What became of one try: the receiver took it; it is tried again; nothing more is tried. */
export const TRY_OUTCOMES = ['delivered', 'postponed', 'failed'] as const;
export type TryOutcome = (typeof TRY_OUTCOMES)[number];

/** How deliveries went. */
export interface DispatchRound {
  delivered: number;
  failed: number;
  /** Milliseconds until the next try is due; null: none waits. */
  msLeft: number | null;
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** There may be something to deliver to webhooks. */
    'webhooks.ready': null;
  }
}
